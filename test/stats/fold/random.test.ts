import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { between, seededRandom } from "../../../bench/random.js";
import { type FoldLab, startFoldLab } from "./lab.js";
import { randomUploads } from "./uploads.js";

let lab: FoldLab;
beforeAll(async () => {
  lab = await startFoldLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

describe("folded figures", () => {
  it("equal a recount, whatever is sent, sent again, folded and deleted in whatever order", {
    timeout: 120_000,
  }, async () => {
    const seed = Number(process.env["TALLY_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
    const random = seededRandom(seed);
    const { ingest } = lab.server.client(lab.server.allToken);
    const uploads = randomUploads(random, 120, 14, Date.now());
    await using first = lab.job();
    await using second = lab.job();
    let daysOn = 0;
    try {
      for (const [i, upload] of uploads.entries()) {
        await ingest.ingestRun(upload).catch(() => undefined);
        if (random() < 0.2) await Promise.all([first.runOnce(), second.runOnce()]);
        if (random() < 0.05) {
          await ingest.deleteRun({ runId: `run ${between(random, 0, 13)}` }).catch(() => undefined);
        }
        if (random() < 0.05) await lab.settle(daysOn);
        if (random() < 0.03) daysOn += between(random, 1, 40);
        if (random() < 0.1) expect(await lab.differences(), `after ${i + 1} uploads`).toEqual([]);
      }
      await lab.settle(daysOn);
      expect(await lab.differences()).toEqual([]);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    const failed = lab.server.logLines.filter(({ event }) => /_failed$/.test(String(event)));
    expect(failed).toEqual([]);
  });
});
