/** What the published client offers. */
export { type CiFacts, type CiFactsInput, readCiFacts } from "./ci/ci-facts.js";
export { gatherCiFacts } from "./ci/gather.js";
export {
  createTallyClient,
  type TallyClient,
  type TallyClientOptions,
  type TallyProtocol,
} from "./client.js";
export { readClientOptions } from "./environment.js";
export {
  errorMetadata,
  errorReason,
  fieldViolations,
  isUnreachable,
  readError,
  retryAfterMs,
  type TallyError,
} from "./errors.js";
export { type TestResultInit, wellFormedResult } from "./fit-result.js";
export { createGrpcTransport, type GrpcTransportOptions } from "./grpc-transport.js";
export { type SendSpoolOptions, type SpoolFileOutcome, sendSpool } from "./send-spool.js";
export { openRun } from "./session.js";
export {
  type CloseOptions,
  DEFAULT_SPOOL_DIR,
  type RunSession,
  type RunSessionOptions,
  type SessionSummary,
  type SessionWarning,
} from "./session-options.js";
export { listSpoolFiles, type SpoolEntry, type SpoolState } from "./spool-folder.js";
export { readSpoolContents, type SpoolContents } from "./spool-reader.js";
export type { ClosableTransport, TransportOptions } from "./transport.js";
export {
  type UploadOptions,
  type UploadProgressReport,
  type UploadSummary,
  uploadResults,
} from "./upload.js";
