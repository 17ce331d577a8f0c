/** Errors as gRPC carries them: a status, with google.rpc.Status in the trailers. */
import type { ConnectError } from "@connectrpc/connect";
import { Metadata } from "@grpc/grpc-js";
import { writeStatus } from "./status-writer.js";

/** The status object of grpc-js for an error; its headers become trailers. */
export function grpcStatus(error: ConnectError, requestId: string) {
  const metadata = requestIdMetadata(requestId);
  error.metadata.forEach((value, key) => {
    metadata.set(key, value);
  });
  if (error.details.length > 0) metadata.set("grpc-status-details-bin", writeStatus(error));
  return { code: error.code as number, details: error.rawMessage, metadata };
}

/** Metadata with the request id alone. */
export function requestIdMetadata(requestId: string): Metadata {
  const metadata = new Metadata();
  metadata.set("x-request-id", requestId);
  return metadata;
}
