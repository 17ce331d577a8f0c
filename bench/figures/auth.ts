/** What authentication costs: with a token that this process has verified, and with one that it sees first. */
import { SecretHasher } from "../../src/auth/secret-hasher.js";
import { TokenAuthenticator } from "../../src/auth/token-authenticator.js";
import { Connection } from "../../src/db/client.js";
import type { Queryable } from "../../src/db/queryable.js";
import { createLogger } from "../../src/log.js";
import { type Figure, secondsOf } from "../figure.js";

const BCRYPT_COST = 10;

/** `auth.cached` and `auth.first`, in the bench's own process. */
export const auth: Figure = {
  name: "auth",
  description: "time to authenticate a verified token, and one seen for the first time",
  async measure(server, isSmoke) {
    await using connection = new Connection({ url: server.databaseUrl, prepare: true });
    await using hasher = new CountingHasher({ cost: BCRYPT_COST });
    let lookUps = 0;
    const db: Queryable = {
      query: (text, params, options) => {
        if (/WHERE t.token_id = \$1$/.test(text)) lookUps += 1;
        return connection.query(text, params, options);
      },
    };
    const log = createLogger("silent");
    await using authenticator = new TokenAuthenticator({ db, hasher, log, now: Date.now });
    const rounds = isSmoke ? 2 : 20;
    const tokens: string[] = [];
    for (let i = 0; i < rounds; i++) tokens.push(`Bearer ${(await server.newProject()).token}`);
    await authenticator.authenticate(tokens[0] ?? "", "127.0.0.1");

    lookUps = 0;
    hasher.checks = 0;
    const first = await secondsOf(async () => {
      for (const token of tokens.slice(1)) await authenticator.authenticate(token, "127.0.0.1");
    });
    const fresh = tokens.length - 1;
    const secret = tokens[0] ?? "";
    const hash = await hasher.hash(secret);
    const bcrypt = await secondsOf(async () => {
      for (let i = 0; i < fresh; i++) await hasher.matches(secret, hash);
    });

    const calls = isSmoke ? 1_000 : 200_000;
    const [token] = tokens;
    const cached = await secondsOf(async () => {
      for (let i = 0; i < calls; i++) authenticator.authenticate(token ?? "", "127.0.0.1");
    });
    return [
      {
        name: "auth.cached",
        value: (cached / calls) * 1e6,
        unit: "µs",
        limit: null,
        conditions: `${calls} calls with a verified token`,
      },
      {
        name: "auth.first",
        value: (first / fresh) * 1000,
        unit: "ms",
        limit: (bcrypt / fresh) * 1000,
        conditions: `${fresh} tokens, ${lookUps / fresh} look-ups and ${(hasher.checks - fresh) / fresh} bcrypts each; limit: bcrypt at cost ${BCRYPT_COST}`,
      },
    ];
  },
};

class CountingHasher extends SecretHasher {
  checks = 0;

  override matches(...args: Parameters<SecretHasher["matches"]>): Promise<boolean> {
    this.checks += 1;
    return super.matches(...args);
  }
}
