/** The one-time code of `#code=…`, which leaves the address at once; null if there is none. */
export function takeSignInCode(): string | null {
  const code = new URLSearchParams(window.location.hash.slice(1)).get("code");
  if (code === null) return null;
  window.history.replaceState(null, "", window.location.pathname + window.location.search);
  return code || null;
}
