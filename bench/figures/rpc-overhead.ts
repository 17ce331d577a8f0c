/** What authentication, limits, decoding, logging and metrics cost a gRPC call that touches no database. */
import { create, toBinary } from "@bufbuild/protobuf";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { ListRunsRequestSchema } from "../../gen/tally/v1/stats_service_pb.js";
import { type Figure, inFlight, secondsOf } from "../figure.js";
import { type BareAnswer, openBareCaller, startBareServer } from "../limits/bare-call.js";

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
    const message = Buffer.from(
      toBinary(ListRunsRequestSchema, create(ListRunsRequestSchema, { pageSize: -1 })),
    );
    const ours = openBareCaller(
      server.url.replace("http://", ""),
      "/tally.v1.StatsService/ListRuns",
    );
    const refused = await refusal(ours.call(message, metadata));
    const bare = await startBareServer("bare-server", answerOf(refused));
    const theirs = openBareCaller(`127.0.0.1:${bare.port}`, "/bare.Service/Call");
    let seconds = 0;
    let limitSeconds = 0;
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      const own = await secondsOf(() =>
        inFlight(calls, IN_FLIGHT, () => refusal(ours.call(message, metadata))),
      );
      const their = await secondsOf(() =>
        inFlight(calls, IN_FLIGHT, () => refusal(theirs.call(message, metadata))),
      );
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

/** The error of a call that must fail. */
async function refusal(answer: Promise<BareAnswer>): Promise<ServiceError> {
  const ended = await answer;
  if (Buffer.isBuffer(ended)) throw new Error("the call was not refused");
  return ended;
}

/** What makes a bare server answer every call as ours answered this one. */
function answerOf({ code, details, metadata }: ServiceError): string[] {
  const [bytes] = metadata.get("grpc-status-details-bin");
  return [String(code), details, Buffer.from(bytes ?? "").toString("base64")];
}
