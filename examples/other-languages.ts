/**
 * Runs the examples that need no Node against a server of their own: `node dist/examples/other-languages.js`, or with
 * the names of some, `curl python`. Ends with exit code 1 if one of them fails. What they need of Debian is in
 * examples/python/run.sh.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Scope } from "../gen/tally/v1/tenancy_pb.js";
import { createTallyClient } from "../src/client/index.js";
import { startThrowawayServer } from "./throwaway-server.js";

/** An example takes seconds. */
const TIMEOUT_MS = 120_000;
const examples = new Map([
  ["curl", "curl.sh"],
  ["python", "python/run.sh"],
]);

const names = process.argv.length > 2 ? process.argv.slice(2) : [...examples.keys()];
await using server = await startThrowawayServer(process.env);
const token = await createToken(server.url, server.adminToken);
for (const name of names) {
  const path = examples.get(name);
  if (path === undefined) throw new Error(`there is no example ${name}`);
  console.log(`\n== ${name}`);
  const program = fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));
  const child = spawn(program, {
    env: { ...process.env, TALLY_URL: server.url, TALLY_TOKEN: token },
    stdio: "inherit",
    timeout: TIMEOUT_MS,
  });
  const [code] = await once(child, "exit");
  console.log(code === 0 ? `== ${name}: every answer was the expected one` : `== ${name} failed`);
  if (code !== 0) process.exitCode = 1;
}

async function createToken(url: string, adminToken: string): Promise<string> {
  const { tenancy, close } = createTallyClient({ url, token: adminToken });
  const { organization } = await tenancy.createOrganization({ name: "Examples" });
  const { project } = await tenancy.createProject({
    organizationId: organization?.organizationId ?? "",
    name: "shop",
  });
  const { secret } = await tenancy.createToken({
    projectId: project?.projectId ?? "",
    name: "examples",
    scopes: [Scope.INGEST, Scope.READ],
  });
  close();
  return secret;
}
