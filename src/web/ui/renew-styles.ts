/**
 * Has stylesheets that could not be had asked for again; resolves when each has come, or again has not. Vite asks once for those of
 * a page's code, so that the page would come without them from then on.
 */
export async function renewStyles(): Promise<void> {
  const links = document.querySelectorAll<HTMLLinkElement>("link[rel=stylesheet]");
  await Promise.all([...links].filter(isBroken).map(renew));
}

/** Of a sheet that did not come, a browser tells no rules, or refuses to tell any. */
function isBroken({ sheet }: HTMLLinkElement): boolean {
  try {
    return sheet?.cssRules.length === 0;
  } catch {
    return true;
  }
}

function renew(link: HTMLLinkElement): Promise<void> {
  return new Promise((resolve) => {
    const again = document.createElement("link");
    again.rel = "stylesheet";
    again.onload = again.onerror = () => resolve();
    again.href = link.href;
    link.replaceWith(again);
  });
}
