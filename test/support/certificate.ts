/** A certificate of the loopback address, signed by itself. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Certificate extends AsyncDisposable {
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM. */
  readonly text: string;
}

/** Made by openssl, in a temporary folder that goes away with it. */
export async function createCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), "tally-certificate-"));
  const [certFile, keyFile] = [join(folder, "it.crt"), join(folder, "it.key")];
  await promisify(execFile)("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(" "),
    ...["-subj", "/CN=tally", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  return {
    certFile,
    keyFile,
    text: await readFile(certFile, "utf8"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
