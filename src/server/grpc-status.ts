/** Errors as gRPC carries them: a status, with google.rpc.Status in the trailers. */
import { create, toBinary } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { Metadata } from "@grpc/grpc-js";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";

/** The status object of grpc-js for an error; its headers become trailers. */
export function grpcStatus(error: ConnectError, requestId: string) {
  const metadata = requestIdMetadata(requestId);
  // A lone surrogate makes grpc-js's encodeURI throw.
  const message = Buffer.from(error.rawMessage).toString();
  error.metadata.forEach((value, key) => {
    metadata.set(key, value);
  });
  if (error.details.length > 0) {
    const details = error.details.map((detail) => {
      const [typeName, value] =
        "desc" in detail
          ? [detail.desc.typeName, toBinary(detail.desc, create(detail.desc, detail.value))]
          : [detail.type, detail.value];
      return { typeUrl: `type.googleapis.com/${typeName}`, value };
    });
    const status = create(StatusSchema, { code: error.code, message, details });
    metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  }
  return { code: error.code as number, details: message, metadata };
}

/** Metadata with the request id alone. */
export function requestIdMetadata(requestId: string): Metadata {
  const metadata = new Metadata();
  metadata.set("x-request-id", requestId);
  return metadata;
}
