/** What the published client offers. */
export { createTallyClient, type TallyClient, type TallyClientOptions } from "./client.js";
export {
  errorMetadata,
  errorReason,
  fieldViolations,
  isUnreachable,
  retryAfterMs,
} from "./errors.js";
export { type TestResultInit, wellFormedResult } from "./fit-result.js";
export {
  createGrpcTransport,
  type GrpcTransport,
  type GrpcTransportOptions,
} from "./grpc-transport.js";
export {
  type UploadOptions,
  type UploadProgressReport,
  type UploadSummary,
  uploadResults,
} from "./upload.js";
