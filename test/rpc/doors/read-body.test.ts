import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorReason } from "../../../src/client/index.js";
import { limits } from "../../../src/limits.js";
import { readLines, readWhole } from "../../../src/rpc/doors/read-body.js";
import type { CallContext } from "../../../src/rpc/handler.js";

const context = (signal = new AbortController().signal) => ({ signal }) as CallContext;
async function* chunksOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
const cutAt = (bytes: Uint8Array, places: readonly number[]) => {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  );
  return [...cuts, bytes.length].map((end, i) => bytes.subarray(cuts[i - 1] ?? 0, end));
};
const atOnce = async () => {};
const linesOf = async (chunks: Iterable<Uint8Array>) => {
  const lines: string[] = [];
  for await (const line of readLines(chunksOf(chunks), context(), atOnce)) {
    lines.push(Buffer.from(line).toString());
  }
  return lines;
};
const reasonOf = (work: Promise<unknown>) => work.then(() => "none", errorReason);
const gone = () => {
  const controller = new AbortController();
  controller.abort(new Error("the client is gone"));
  return context(controller.signal);
};

describe("lines", () => {
  it("are the same wherever the body was cut", async () => {
    const text = fc
      .array(fc.constantFrom("a", "é", "{}", " ", "\t", "\r", "\n"))
      .map((c) => c.join(""));
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat()), async (body, places) => {
        const wanted = body.split("\n").filter((line) => line.replace(/[ \t\r]/g, "") !== "");
        expect(await linesOf(cutAt(Buffer.from(body), places))).toEqual(wanted);
      }),
    );
  });

  it("that are too long end the call, and those before are there", async () => {
    const long = Buffer.alloc(limits.messageBytes + 1, "x");
    const seen: string[] = [];
    const read = async () => {
      for await (const line of readLines(chunksOf([Buffer.from("a\n"), long]), context(), atOnce)) {
        seen.push(Buffer.from(line).toString());
      }
    };
    expect(await reasonOf(read())).toBe("MESSAGE_TOO_LARGE");
    expect(seen).toEqual(["a"]);
  });

  it("without an end are none if the client is gone", async () => {
    const lines: string[] = [];
    const read = async () => {
      for await (const line of readLines(chunksOf([Buffer.from("a\nhal")]), gone(), atOnce)) {
        lines.push(Buffer.from(line).toString());
      }
    };
    await expect(read()).rejects.toThrow("the client is gone");
    expect(lines).toEqual(["a"]);
  });
});

describe("a whole body", () => {
  it("is put together", async () => {
    const body = await readWhole(
      chunksOf([Buffer.from("a"), Buffer.from("b")]),
      context(),
      () => 0,
    );
    expect(Buffer.from(body).toString()).toBe("ab");
  });

  it("that is too large, too slow or unfinished is refused", async () => {
    const large = [Buffer.alloc(limits.messageBytes), Buffer.of(1)];
    expect(await reasonOf(readWhole(chunksOf(large), context(), () => 0))).toBe(
      "MESSAGE_TOO_LARGE",
    );
    let time = 0;
    const slow = () => {
      time += limits.frameTimeoutMs / 2;
      return time;
    };
    const drops = [Buffer.of(1), Buffer.of(2), Buffer.of(3)];
    expect(await reasonOf(readWhole(chunksOf(drops), context(), slow))).toBe("FRAME_LATE");
    await expect(readWhole(chunksOf(drops), gone(), () => 0)).rejects.toThrow("is gone");
  });
});
