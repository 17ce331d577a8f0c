/** How many events a second each client of a project may send to this server. */
import { createRateLimiter } from "../rate.js";
import { quote } from "../text.js";

export interface ClientRates {
  /** Counts these events, each by its client; throws ClientTooFast, and counts none, where one has sent too many. */
  take(projectKey: string, clients: readonly string[]): void;
}

/** A client sends more events than it may; nothing of the batch is stored. */
export class ClientTooFast extends Error {
  override readonly name = "ClientTooFast";
  readonly client: string;
  readonly retryAfterMs: number;

  constructor(client: string, perSecond: number, retryAfterMs: number) {
    super(`client ${quote(client)} is over ${perSecond} events a second; try again`);
    this.client = client;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Rates of so many events a second; 0 is no limit. Events without a readable client are refused anyway, and not counted. */
export function createClientRates(perSecond: number, now: () => number): ClientRates {
  const limiter = createRateLimiter(now);
  return {
    take(projectKey, clients) {
      if (perSecond <= 0) return;
      const amounts = new Map<string, number>();
      for (const client of clients) {
        if (client === "") continue;
        const key = keyOf(projectKey, client);
        amounts.set(key, (amounts.get(key) ?? 0) + 1);
      }
      const over = limiter.takeAll(amounts, perSecond);
      if (over === null) return;
      const client = clients.find((each) => keyOf(projectKey, each) === over.key) ?? "";
      throw new ClientTooFast(client, perSecond, over.waitMs);
    },
  };
}

const keyOf = (projectKey: string, client: string) => `${projectKey} ${client}`;
