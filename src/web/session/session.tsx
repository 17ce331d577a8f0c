/** Who is signed in: the token, what it may do, and the way to the server. */
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { callUnaryMethod, TransportProvider } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { type Scope, TokenKind } from "../../../gen/tally/v1/tenancy_pb.js";
import {
  type GetCallerResponse,
  TenancyService,
} from "../../../gen/tally/v1/tenancy_service_pb.js";
import { PROJECTS_KEY } from "./projects-key.js";
import { takeSignInCode } from "./sign-in-code.js";
import { forgetToken, keepToken, onTokenForgotten, readToken } from "./token-store.js";
import { createTransport } from "./transport.js";

/** Someone who is signed in. */
export interface Session {
  readonly caller: GetCallerResponse;
  readonly isAdmin: boolean;
  /** The project of a project token; undefined for an admin token. */
  readonly projectId: string | undefined;
  /** Whether the token may do this. */
  may(scope: Scope): boolean;
  signOut(): void;
}

/** Where signing in stands. */
export type SessionState =
  | { readonly kind: "checking" }
  | { readonly kind: "signed-out"; readonly message: string | null }
  | { readonly kind: "unreachable"; readonly error: ConnectError; retry(): void }
  | { readonly kind: "signed-in"; readonly session: Session };

interface SessionValue {
  readonly state: SessionState;
  /** Resolves when the token is taken; rejects with the server's answer when it is not. */
  signIn(token: string, onDevice: boolean): Promise<void>;
}

const SessionContext = createContext<SessionValue | null>(null);

/** Signs in with the one-time code of the link that led here, else with the token that is kept. */
export function SessionProvider({
  signInCode,
  children,
}: {
  readonly signInCode: string | null;
  readonly children: ReactNode;
}) {
  const queries = useQueryClient();
  /** Held until the server has taken or refused it: a server that is away costs no code. */
  const code = useRef(signInCode);
  const [token, setToken] = useState<string | null>(null);
  const [state, setState] = useState<SessionState>({ kind: "checking" });

  const leave = useCallback(
    (message: string | null) => {
      forgetToken();
      queries.clear();
      setToken(null);
      setState({ kind: "signed-out", message });
    },
    [queries],
  );
  const enter = useCallback(
    async (candidate: string, onDevice: boolean | undefined) => {
      const caller = await callUnaryMethod(transportFor(candidate), getCaller, {});
      if (onDevice !== undefined) keepToken(candidate, onDevice);
      setToken(candidate);
      setState({ kind: "signed-in", session: sessionOf(caller, () => leave(null)) });
    },
    [leave],
  );
  const resume = useCallback(async () => {
    setState({ kind: "checking" });
    try {
      const refusal = code.current === null ? null : await redeem(code.current);
      code.current = null;
      const kept = readToken();
      if (kept === null) return leave(refusal);
      await enter(kept, undefined);
    } catch (thrown) {
      const error = ConnectError.from(thrown);
      if (error.code === Code.Unauthenticated) return leave(refusalText(error));
      setState({ kind: "unreachable", error, retry: () => void resume() });
    }
  }, [enter, leave]);
  useEffect(() => {
    void resume();
  }, [resume]);
  useEffect(() => onTokenForgotten(() => leave("You have signed out in another tab.")), [leave]);
  useEffect(() => {
    // A link that is opened where the dashboard is shown already loads no page.
    const follow = () => {
      const given = takeSignInCode();
      if (given === null) return;
      code.current = given;
      void resume();
    };
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, [resume]);

  const transport: Transport = useMemo(
    () =>
      createTransport(token, (error) => {
        if (error.code === Code.Unauthenticated) leave(refusalText(error));
        // Whoever lists projects sees that it is gone.
        if (isProjectGone(error)) void queries.invalidateQueries({ queryKey: PROJECTS_KEY });
      }),
    [token, leave, queries],
  );
  const value = useMemo(
    () => ({ state, signIn: (given: string, onDevice: boolean) => enter(given, onDevice) }),
    [state, enter],
  );
  return (
    <SessionContext value={value}>
      <TransportProvider transport={transport}>{children}</TransportProvider>
    </SessionContext>
  );
}

/** Where signing in stands, and how to sign in. */
export function useSessionState(): SessionValue {
  const value = useContext(SessionContext);
  if (value === null) throw new Error("there is no SessionProvider above");
  return value;
}

/** The session; only below where someone is signed in. */
export function useSession(): Session {
  const { state } = useSessionState();
  if (state.kind !== "signed-in") throw new Error("nobody is signed in");
  return state.session;
}

function sessionOf(caller: GetCallerResponse, signOut: () => void): Session {
  const isAdmin = caller.token?.kind === TokenKind.ADMIN;
  const scopes = new Set(caller.token?.scopes);
  return {
    caller,
    isAdmin,
    projectId: isAdmin ? undefined : caller.token?.projectId,
    may: (scope) => isAdmin || scopes.has(scope),
    signOut,
  };
}

const { getCaller, exchangeSignInCode } = TenancyService.method;

/** For somebody who is not signed in yet. */
function transportFor(token: string | null): Transport {
  return createTransport(token, () => {});
}

/** Keeps the token that the code is exchanged for; resolves with what to say where the code is not taken. */
async function redeem(code: string): Promise<string | null> {
  try {
    const { secret } = await callUnaryMethod(transportFor(null), exchangeSignInCode, { code });
    keepToken(secret, false);
    return null;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    if (error.code === Code.Unauthenticated) return refusalText(error);
    throw error;
  }
}

function isProjectGone(error: ConnectError): boolean {
  return error.findDetails(ErrorInfoSchema).some(({ reason }) => reason === "PROJECT_NOT_FOUND");
}

/** What the sign-in page says of a token or code that the server does not take. */
function refusalText(error: ConnectError): string {
  return `The server does not take this any more: ${error.rawMessage}.`;
}
