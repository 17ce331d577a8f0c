/** Where the browser keeps the token: for the tab, or on this device if that was asked for. */
const KEY = "tally.token";

/** The token that was kept; null if there is none. */
export function readToken(): string | null {
  return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
}

/** Keeps the token until the tab is closed, or with `onDevice` until sign-out. */
export function keepToken(token: string, onDevice: boolean): void {
  forgetToken();
  (onDevice ? localStorage : sessionStorage).setItem(KEY, token);
}

/** No token is kept any more. */
export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}
