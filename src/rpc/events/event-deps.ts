/** What the handlers of EventService share. */
import type { ByteBudget } from "../../byte-budget.js";
import type { ClientRates } from "../../events/client-rates.js";
import type { EventPipeline } from "../../events/ingest-events.js";
import type { EventPolicies } from "../../events/policies.js";
import type { Metrics } from "../../metrics.js";
import type { ResolveProject } from "../resolve-project.js";
import type { EventReadDeps } from "./event-read-deps.js";
import type { SimulatedFaults } from "./simulated-faults.js";

/** What ingestion needs. */
export interface EventIngestDeps extends EventPipeline {
  readonly policies: EventPolicies;
  readonly rates: ClientRates;
  readonly faults: SimulatedFaults;
  readonly budget: ByteBudget;
  readonly resolveProject: ResolveProject;
  readonly metrics: Metrics;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What all of them need. */
export interface EventDeps extends EventIngestDeps, EventReadDeps {
  /** 63 random bits in decimal. */
  readonly drawKey: () => string;
}
