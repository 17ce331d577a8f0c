/** grpc.health.v1.Health, without a token. */
import type { Server } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

/** Adds the service and answers the switch of all statuses; NOT_SERVING until it is first used. */
export function addHealth(server: Server, services: readonly string[]): (serving: boolean) => void {
  const names = ["", ...services];
  const health = new HealthImplementation(
    Object.fromEntries(names.map((name) => [name, "NOT_SERVING" as const])),
  );
  health.addToServer(server);
  return (serving) => {
    for (const name of names) health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
  };
}
