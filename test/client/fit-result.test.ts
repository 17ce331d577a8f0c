import { describe, expect, it } from "vitest";
import { Status } from "../../gen/tally/v1/run_pb.js";
import { wellFormedResult } from "../../src/client/index.js";

describe("wellFormedResult", () => {
  const test = { name: "adds" };

  it("changes nothing in a result that is well formed", () => {
    const result = wellFormedResult({
      test: { suite: "s", name: "adds 😀", variant: { os: "linux" } },
      status: Status.PASSED,
      stdout: "ünïcode \ufffd",
      tags: { a: "b" },
    });
    expect(result).toMatchObject({ truncations: [], repairedFields: [], stdout: "ünïcode \ufffd" });
    expect(result.test).toMatchObject({ name: "adds 😀", variant: { os: "linux" } });
  });

  it("cuts a displayed text between characters, and says how large it was", () => {
    const message = "😀".repeat(3000);
    const { failure, truncations } = wellFormedResult({ test, failure: { message } });
    expect(failure?.message).toBe("😀".repeat(2048));
    expect(truncations).toMatchObject([{ field: "failure.message", originalBytes: 12_000n }]);
  });

  it("keeps what an earlier cut recorded", () => {
    const truncations = [{ field: "stdout", originalBytes: 5_000_000n }];
    const result = wellFormedResult({ test, stdout: "x".repeat(70_000), truncations });
    expect(result.truncations).toMatchObject(truncations);
    expect(result.stdout).toHaveLength(65_536);
  });

  it("replaces halves of surrogate pairs and NUL, and names the fields", () => {
    const result = wellFormedResult({
      test: { name: "a\ud800b", variant: { os: "\udc00" } },
      stderr: "a\0b",
      tags: { k: "\udfff!" },
    });
    expect(result.test).toMatchObject({ name: "a\ufffdb", variant: { os: "\ufffd" } });
    expect(result).toMatchObject({ stderr: "a\ufffdb", tags: { k: "\ufffd!" } });
    expect(result.repairedFields).toEqual([
      "test.name",
      'test.variant["os"]',
      "stderr",
      'tags["k"]',
    ]);
  });

  it("keeps tests apart whose names are cut", () => {
    const names = ["a", "b"].map((end) =>
      wellFormedResult({ test: { name: "n".repeat(1024) + end } }),
    );
    const [a, b] = names.map((result) => result.test?.name ?? "");
    expect(a).not.toBe(b);
    expect(Buffer.byteLength(a ?? "")).toBe(1024);
  });
});
