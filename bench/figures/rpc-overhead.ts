/** What authentication, limits, decoding, logging and metrics cost a gRPC call that touches no database. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { ListRunsRequestSchema } from "../../gen/tally/v1/stats_service_pb.js";
import { type Figure, inFlight, secondsOf } from "../figure.js";

const IN_FLIGHT = 64;

/** `rpc.overhead`: the same generic client calls our server and a bare one in turns. */
export const rpcOverhead: Figure = {
  name: "rpc.overhead",
  description: "gRPC calls a second that are authenticated and answered without the database",
  async measure(server, isSmoke) {
    const rounds = isSmoke ? 1 : 6;
    const calls = isSmoke ? 640 : 10_000;
    const { token } = await server.newProject();
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    // A page that cannot be: it is refused after everything but the statement.
    const message = toBinary(
      ListRunsRequestSchema,
      create(ListRunsRequestSchema, { pageSize: -1 }),
    );
    const bare = fork(fileURLToPath(new URL("../limits/bare-server.js", import.meta.url)));
    const [port] = await once(bare, "message");
    const ours = caller(server.url.replace("http://", ""), "/tally.v1.StatsService/ListRuns");
    const theirs = caller(`127.0.0.1:${port}`, "/bare.Service/Call");
    const args = { message: Buffer.from(message), metadata };
    let seconds = 0;
    let limitSeconds = 0;
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      const own = await secondsOf(() => inFlight(calls, IN_FLIGHT, () => ours.call(args)));
      const their = await secondsOf(() => inFlight(calls, IN_FLIGHT, () => theirs.call(args)));
      if (round === 0) continue;
      seconds += own;
      limitSeconds += their;
    }
    ours.close();
    theirs.close();
    bare.disconnect();
    await once(bare, "exit");
    return [
      {
        name: "rpc.overhead",
        value: (rounds * calls) / seconds,
        unit: "calls/s",
        limit: (rounds * calls) / limitSeconds,
        conditions: `${rounds} × ${calls} calls, ${IN_FLIGHT} in flight; limit: a bare server of grpc-js`,
      },
    ];
  },
};

function caller(target: string, path: string) {
  const client = new Client(target, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  return {
    call: ({ message, metadata }: { message: Buffer; metadata: Metadata }) =>
      new Promise<void>((resolve) => {
        client.makeUnaryRequest(path, same, same, message, metadata, () => resolve());
      }),
    close: () => client.close(),
  };
}
