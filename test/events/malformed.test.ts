import { describe, expect, it } from "vitest";
import { judgeEvent } from "../../src/events/judge-event.js";
import { accepted, eventWith, RECEIVED_AT_US } from "./judge.js";
import { malformedPayloads } from "./malformed.js";

const payloads = malformedPayloads();

describe.each(["strict", "lenient"] as const)("under %s", (policy) => {
  it("refuses over 200 malformed payloads, each with a reason that is not what it lacks", () => {
    expect(payloads.length).toBeGreaterThan(200);
    const wrong = payloads.flatMap(([name, bytes]) => {
      const judgement = judgeEvent(bytes, { policy, receivedAtUs: RECEIVED_AT_US });
      if (judgement.outcome === "accepted") return [`accepted: ${name}`];
      const reasons = judgement.violations.filter(
        ({ field, description }) => field !== "" && !description.endsWith("is required"),
      );
      return reasons.length > 0 ? [] : [`no reason: ${name}`];
    });
    expect(wrong).toEqual([]);
  });
});

it("leaves no trace of them", () => {
  expect("polluted" in {}).toBe(false);
  expect(accepted(eventWith({})).event.client).toBe("shop");
});
