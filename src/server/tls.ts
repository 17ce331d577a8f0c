/** The certificate from its files, also after they are renewed. */
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Logger } from "../log.js";

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** The files' contents; throws with the setting at fault when they do not make a certificate with its key. */
export async function readCertificate(files: TlsFiles): Promise<Certificate> {
  const cert = await readPem("TALLY_TLS_CERT", files.certFile, (cert) => ({ cert }));
  const key = await readPem("TALLY_TLS_KEY", files.keyFile, (key) => ({ cert, key }));
  return { cert, key };
}

async function readPem(
  setting: string,
  file: string,
  use: (pem: Buffer) => SecureContextOptions,
): Promise<Buffer> {
  try {
    const pem = await readFile(file);
    createSecureContext(use(pem));
    return pem;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${setting}=${file} cannot be used: ${reason}`, { cause });
  }
}

/**
 * Calls `use` with each new content of the files, by looking at them in turns: notifications miss the
 * symbolic links that containers renew certificates by. A pair that does not fit is tried again later, as
 * the two files are not replaced at once. The answer stops it.
 */
export function watchCertificate(
  files: TlsFiles,
  first: Certificate,
  pollMs: number,
  log: Logger,
  use: (certificate: Certificate) => void,
): () => void {
  let current = first;
  let reported = false;
  const look = async () => {
    try {
      const next = await readCertificate(files);
      if (!next.cert.equals(current.cert) || !next.key.equals(current.key)) {
        use(next);
        current = next;
        log.info({ event: "certificate_reloaded" });
      }
      reported = false;
    } catch (err) {
      if (!reported) log.error({ event: "certificate_unreadable", err });
      reported = true;
    }
  };
  const timer = setInterval(look, pollMs);
  timer.unref();
  return () => clearInterval(timer);
}
