/**
 * A gRPC server of nothing but grpc-js, as a child process of the bench. It answers every call with the status that
 * its arguments tell: a code, a text, and the base64 of `grpc-status-details-bin`.
 */
import { Metadata, Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";

const [code = "3", details = "", bytes = ""] = process.argv.slice(2);
const metadata = new Metadata();
metadata.set("grpc-status-details-bin", Buffer.from(bytes, "base64"));
const status = { code: Number(code), details, metadata };

const same = (bytes: Buffer) => bytes;
const server = new Server();
server.addService(
  {
    Call: {
      path: "/bare.Service/Call",
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  { Call: (_: unknown, answer: sendUnaryData<Buffer>) => answer(status) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
process.once("disconnect", () => server.forceShutdown());
