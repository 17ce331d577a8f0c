/** The dashboard: who is signed in, then the shell with its pages. */
import { Code, ConnectError } from "@connectrpc/connect";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { Checking } from "./session/checking.js";
import { SessionProvider, useSessionState } from "./session/session.js";
import { SignInPage } from "./session/sign-in-page.js";
import { Shell } from "./shell/shell.js";
import { Button } from "./ui/button.js";
import { Callout } from "./ui/callout.js";
import { errorText } from "./ui/error-text.js";

/** The whole of it; `signInCode` is that of the link which led here, null without one. */
export function App({ signInCode }: { readonly signInCode: string | null }) {
  const [queries] = useState(createQueryClient);
  return (
    <QueryClientProvider client={queries}>
      <SessionProvider signInCode={signInCode}>
        <Entrance />
      </SessionProvider>
    </QueryClientProvider>
  );
}

function Entrance() {
  const { state } = useSessionState();
  switch (state.kind) {
    case "checking":
      return <Checking />;
    case "signed-out":
      return <SignInPage message={state.message} />;
    case "unreachable":
      return (
        <main className="sign-in">
          <Callout tone="failed">
            <p>{errorText(state.error)}</p>
            <Button onClick={state.retry}>Try again</Button>
          </Callout>
        </main>
      );
    case "signed-in":
      return <Shell />;
  }
}

/** What the server may mend by itself is asked for again, twice; what the caller did wrong is not. */
const PASSING = new Set([Code.Unavailable, Code.ResourceExhausted, Code.Aborted]);

/** Calls do not wait for a browser that takes itself to be offline: a server on the same machine answers all the same. */
const networkMode = "always";

function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      mutations: { networkMode },
      queries: {
        networkMode,
        // This mode alone would leave it out.
        refetchOnReconnect: true,
        staleTime: 5_000,
        retry: (failures, error) => failures < 2 && PASSING.has(ConnectError.from(error).code),
        placeholderData: (before: unknown) => before,
      },
    },
  });
}
