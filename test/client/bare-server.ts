/** A gRPC server made of grpc-js alone, to hold the client against. */
import {
  create,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { IngestService } from "../../gen/tally/v1/ingest_service_pb.js";

const { ingestRun, publishResults, uploadResults } = IngestService.method;

export type IngestRun = handleUnaryCall<
  MessageShape<typeof ingestRun.input>,
  MessageInitShape<typeof ingestRun.output>
>;
export type Publish = handleBidiStreamingCall<
  MessageShape<typeof publishResults.input>,
  MessageInitShape<typeof publishResults.output>
>;

export interface BareServer {
  readonly url: string;
  readonly server: Server;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Serves the calls on a free port of the loopback; UploadResults is handled as PublishResults. */
export async function startBareServer(handlers: {
  ingestRun?: IngestRun;
  publish?: Publish;
}): Promise<BareServer> {
  const server = new Server();
  const definition = (method: typeof ingestRun | typeof publishResults | typeof uploadResults) => ({
    path: `/${IngestService.typeName}/${method.name}`,
    requestStream: method.methodKind !== "unary",
    responseStream: method.methodKind === "bidi_streaming",
    requestSerialize: (message: never) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
    responseSerialize: (message: never) =>
      Buffer.from(toBinary(method.output, create(method.output, message) as never)),
    responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
  });
  server.addService(
    { IngestRun: definition(ingestRun), PublishResults: definition(publishResults) } as never,
    {
      ...(handlers.ingestRun && { IngestRun: handlers.ingestRun }),
      ...(handlers.publish && { PublishResults: handlers.publish }),
    } as never,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    server,
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}
