import { Scope, type Token, TokenKind } from "../../../gen/tally/v1/tenancy_pb.js";
import { displayText } from "../format/display-text.js";
import { Button } from "../ui/button.js";
import { Callout } from "../ui/callout.js";
import { CopyButton } from "../ui/copy-button.js";
import { Snippet } from "./snippet.js";

/** A new token's secret, this once, and what to do with it. */
export function NewSecret({
  token,
  secret,
  onDone,
}: {
  readonly token: Token;
  readonly secret: string;
  onDone(): void;
}) {
  const mayIngest = token.scopes.includes(Scope.INGEST);
  return (
    <section className="card stack" aria-label="New token">
      <Callout tone="warned">
        <p>
          This is the secret of <bdi>{displayText(token.name, 100)}</bdi>. It is shown this once:
          keep it where secrets are kept.
        </p>
      </Callout>
      <div className="secret">
        <code>{secret}</code>
        <CopyButton text={secret} label="Copy the token" />
      </div>
      {mayIngest && <Snippet label="Send the results of a build" text={uploadSnippet(secret)} />}
      {mayIngest && <Snippet label="Send an event" text={eventSnippet()} />}
      {!mayIngest && (
        <p className="soft small">
          {token.kind === TokenKind.ADMIN
            ? "Sign in with it here, or give it to programs that make projects and tokens."
            : "Sign in with it here, or send it as authorization: Bearer …"}
        </p>
      )}
      <div>
        <Button onClick={onDone}>I have kept it</Button>
      </div>
    </section>
  );
}

function uploadSnippet(secret: string): string {
  return [
    `export TALLY_URL=${window.location.origin}`,
    `export TALLY_TOKEN=${secret}`,
    "npx --no -- tally upload --soft 'reports/**/*.xml'",
  ].join("\n");
}

function eventSnippet(): string {
  return [
    'curl -sS "$TALLY_URL/v1/events" -H "authorization: Bearer $TALLY_TOKEN" \\',
    `  -d '{"source":"shop","type":"visit","timestamp":"${new Date().toISOString().slice(0, 19)}Z"}'`,
  ].join("\n");
}
