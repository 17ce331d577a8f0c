/** Hears what NOTIFY tells on one channel: a hint that comes quickly or never, so nobody may depend on it. */
import { Connection } from "./client.js";

export interface Listener extends AsyncDisposable {
  /** Listens, unless it does already; to be called again and again, which mends a lost connection. */
  listen(): Promise<void>;
}

/** A listener with a connection of its own; past a pooler, whose connections change. */
export function createListener(url: string, channel: string, onNotify: () => void): Listener {
  const connection = new Connection({ url, prepare: false, onNotify });
  return {
    listen: () => connection.run(`LISTEN ${channel}`),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
