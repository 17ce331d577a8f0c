/** Where the browser keeps the token: for the tab, or on this device if that was asked for. */
const KEY = "tally.token";

/** The token that was kept; null if there is none. */
export function readToken(): string | null {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

/** Keeps the token until the tab is closed, or with `onDevice` for all tabs until sign-out in one of them. */
export function keepToken(token: string, onDevice: boolean): void {
  if (onDevice) sessionStorage.removeItem(KEY);
  (onDevice ? localStorage : sessionStorage).setItem(KEY, token);
}

/** No token is kept any more. */
export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

/** Calls `listener` when another tab has forgotten the token that this one has from the device; returns how to stop. */
export function onTokenForgotten(listener: () => void): () => void {
  const hear = ({ key }: StorageEvent) => {
    if (key === KEY && readToken() === null) listener();
  };
  window.addEventListener("storage", hear);
  return () => window.removeEventListener("storage", hear);
}
