/**
 * A gRPC server of nothing but grpc-js and a row a call, as a child process of the bench: it answers with the bytes
 * that it was sent once the row is committed. Arguments: the database, and how many connections.
 */
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { openSingleRows } from "./single-rows.js";

const [databaseUrl = "", connections = "1"] = process.argv.slice(2);
const rows = await openSingleRows(databaseUrl, Number(connections));
let calls = 0;

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
  {
    Call: ({ request }: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => {
      rows.insert(++calls).then(() => answer(null, request), answer);
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
process.once("disconnect", () => {
  server.forceShutdown();
  void rows[Symbol.asyncDispose]();
});
