/** A gRPC server of nothing but grpc-js, as a child process of the bench: it answers every call with 20 bytes. */
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";

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
  { Call: (_: unknown, answer: sendUnaryData<Buffer>) => answer(null, Buffer.alloc(20)) },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
process.once("disconnect", () => server.forceShutdown());
