/** gRPC metadata as the headers of the Fetch standard, and back. */
import { Metadata } from "@grpc/grpc-js";

/**
 * Headers as metadata. The values of `-bin` keys are base64 in headers and bytes in metadata; what the
 * transport itself sends (`content-type`, `te`, `user-agent`, `grpc-timeout`) is left out. Added to `metadata`.
 */
export function toMetadata(headers: Headers, metadata = new Metadata()): Metadata {
  headers.forEach((value, key) => {
    if (TRANSPORT_KEYS.has(key)) return;
    if (key.endsWith("-bin")) {
      for (const part of value.split(",")) metadata.add(key, Buffer.from(part.trim(), "base64"));
    } else {
      metadata.add(key, value);
    }
  });
  return metadata;
}

/** Metadata as headers; bytes are base64 without padding. */
export function toHeaders(metadata: Metadata | undefined): Headers {
  const headers = new Headers();
  for (const key of Object.keys(metadata?.getMap() ?? {})) {
    for (const value of metadata?.get(key) ?? []) {
      headers.append(key, typeof value === "string" ? value : encode(value));
    }
  }
  return headers;
}

function encode(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

const TRANSPORT_KEYS = new Set(["content-type", "te", "user-agent", "grpc-timeout"]);
