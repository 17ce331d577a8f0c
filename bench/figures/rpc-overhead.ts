/** What authentication, limits, decoding, logging and metrics cost a gRPC call that touches no database. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
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
    const args = { message: Buffer.from(message), metadata };
    const ours = caller(server.url.replace("http://", ""), "/tally.v1.StatsService/ListRuns");
    const bare = await startBareServer(await ours.call(args));
    const theirs = caller(`127.0.0.1:${bare.port}`, "/bare.Service/Call");
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
    await bare.stop();
    return [
      {
        name: "rpc.overhead",
        value: (rounds * calls) / seconds,
        unit: "calls/s",
        limit: (rounds * calls) / limitSeconds,
        conditions: `${rounds} × ${calls} calls, ${IN_FLIGHT} in flight; limit: a bare server of grpc-js that answers the same`,
      },
    ];
  },
};

/** A server that answers every call as ours answered this one. */
async function startBareServer({ code, details, metadata }: ServiceError) {
  const [bytes] = metadata.get("grpc-status-details-bin");
  const args = [String(code), details, Buffer.from(bytes ?? "").toString("base64")];
  const child = fork(fileURLToPath(new URL("../limits/bare-server.js", import.meta.url)), args);
  const [port] = await once(child, "message");
  return {
    port,
    async stop() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

function caller(target: string, path: string) {
  const client = new Client(target, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  return {
    call: ({ message, metadata }: { message: Buffer; metadata: Metadata }) =>
      new Promise<ServiceError>((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, message, metadata, (error) => {
          if (error === null) reject(new Error(`${path} was not refused`));
          else resolve(error);
        });
      }),
    close: () => client.close(),
  };
}
