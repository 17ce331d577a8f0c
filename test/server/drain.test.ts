import { connect } from "node:http2";
import { describe, expect, test } from "vitest";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";
import { callUnary, grpcClient, openUpload, protocols, startLab, until } from "./support.js";

const { ingestRun } = IngestService.method;

describe("drain", () => {
  test("is over when its time is, with what is left aborted and closed", async () => {
    const lab = await startLab({ timeouts: { drainTimeoutMs: 200 } });
    const calls = protocols.map((protocol) =>
      callUnary(lab, protocol, ingestRun, { run: { runId: "wait" } }),
    );
    await until(() => lab.contexts.length === protocols.length);
    const signals = lab.contexts.map((context) => context.signal);
    await lab.server.drain();
    for (const outcome of await Promise.all(calls)) expect(outcome.code).not.toBe("OK");
    await until(() => signals.every((signal) => signal.aborted));
    expect(lab.lines.some((line) => line["event"] === "call_failed")).toBe(false);
  });

  test("refuses new calls on open connections", async () => {
    const lab = await startLab();
    using client = grpcClient(lab);
    const upload = openUpload(client);
    const slow = callUnary(lab, "connect json", ingestRun, { run: { runId: "sleep" } });
    await until(() => lab.contexts.length === 2);
    const drained = lab.server.drain();
    expect((await upload.outcome).details[0]).toMatchObject({ reason: "DRAINING" });
    expect((await openUpload(client).outcome).code).toBe("UNAVAILABLE");
    expect((await slow).code).toBe("OK");
    await drained;
  });

  test("can be asked for twice", async () => {
    const lab = await startLab();
    await Promise.all([lab.server.drain(), lab.server.drain()]);
    await lab.server[Symbol.asyncDispose]();
  });
});

test("a gRPC connection is PINGed", async () => {
  await using lab = await startLab({ timeouts: { keepaliveTimeMs: 30 } });
  const session = connect(lab.server.url);
  await new Promise((resolve) => session.once("ping", resolve));
  session.destroy();
});
