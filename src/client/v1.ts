/** The contract, `tally.v1`: messages, enums and services as generated. A test holds the list to gen/tally/v1. */
export * from "../../gen/tally/v1/event_pb.js";
export * from "../../gen/tally/v1/event_service_pb.js";
export * from "../../gen/tally/v1/ingest_service_pb.js";
export * from "../../gen/tally/v1/rejection_pb.js";
export * from "../../gen/tally/v1/rejection_service_pb.js";
export * from "../../gen/tally/v1/run_pb.js";
export * from "../../gen/tally/v1/stats_pb.js";
export * from "../../gen/tally/v1/stats_service_pb.js";
export * from "../../gen/tally/v1/tenancy_pb.js";
export * from "../../gen/tally/v1/tenancy_service_pb.js";
export * from "../../gen/tally/v1/violation_pb.js";
