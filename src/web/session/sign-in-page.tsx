/** The page of those who are not signed in. */
import { Code, ConnectError } from "@connectrpc/connect";
import { type FormEvent, useState } from "react";
import { Button } from "../ui/button.js";
import { Callout } from "../ui/callout.js";
import { errorText } from "../ui/error-text.js";
import { Field } from "../ui/field.js";
import { useSessionState } from "./session.js";

/** Asks for a token; `message` says why nobody is signed in any more. */
export function SignInPage({ message }: { readonly message: string | null }) {
  const { signIn } = useSessionState();
  const [token, setToken] = useState("");
  const [onDevice, setOnDevice] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    const given = token.trim();
    if (!/^[\x21-\x7e]+$/.test(given)) {
      setError("Paste the whole token: it begins with tly_ and has no blanks.");
      return;
    }
    setBusy(true);
    try {
      await signIn(given, onDevice);
    } catch (thrown) {
      setError(signInError(ConnectError.from(thrown)));
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form className="card stack" onSubmit={submit}>
        <h1 className="sign-in-title">
          <img src="/icon.svg" alt="" width="32" height="32" /> Tally
        </h1>
        {message !== null && error === null && <Callout tone="warned">{message}</Callout>}
        {error !== null && <Callout tone="failed">{error}</Callout>}
        <Field
          label="Token"
          hint="The server's first start printed an admin token; project tokens with scope READ do too."
        >
          {(props) => (
            <input
              {...props}
              type="password"
              autoComplete="current-password"
              spellCheck={false}
              required
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
          )}
        </Field>
        <label className="check">
          <input
            type="checkbox"
            checked={onDevice}
            onChange={(event) => setOnDevice(event.target.checked)}
          />
          Keep me signed in on this device
        </label>
        <p className="soft small">Otherwise the token is forgotten when this tab is closed.</p>
        <Button kind="primary" type="submit" isBusy={isBusy}>
          Sign in
        </Button>
      </form>
    </main>
  );
}

function signInError(error: ConnectError): string {
  if (error.code === Code.Unauthenticated) {
    return `This token is not taken: ${error.rawMessage}. Ask an operator for another one.`;
  }
  return errorText(error);
}
