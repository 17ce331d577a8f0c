/** Calls of a bare server of the bench, with nothing between them and grpc-js. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Client, credentials, type Metadata, type ServiceError } from "@grpc/grpc-js";

export interface BareServer {
  readonly port: unknown;
  stop(): Promise<void>;
}

/** Starts a program of this folder, which tells its port, as a child process. */
export async function startBareServer(
  program: "bare-server" | "committing-server",
  args: readonly string[],
): Promise<BareServer> {
  const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), args);
  const [port] = await once(child, "message");
  return {
    port,
    async stop() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** How a call ended: the answer, or the error. */
export type BareAnswer = Buffer | ServiceError;

export interface BareCaller {
  call(message: Buffer, metadata: Metadata): Promise<BareAnswer>;
  close(): void;
}

/** A client that sends bytes and takes bytes. */
export function openBareCaller(target: string, path: string): BareCaller {
  const client = new Client(target, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  return {
    call: (message, metadata) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(path, same, same, message, metadata, (error, answer) => {
          resolve(error ?? answer ?? Buffer.alloc(0));
        });
      }),
    close: () => client.close(),
  };
}
