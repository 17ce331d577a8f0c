import type { LabPage } from "./web-lab.js";

/** What axe finds wrong with the page in the light and in the dark scheme. */
export async function violationsInBoth({ page, violations }: LabPage): Promise<string[]> {
  await page.emulateMedia({ colorScheme: "light" });
  const light = await violations();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await violations();
  return [...light.map((text) => `light ${text}`), ...dark.map((text) => `dark ${text}`)];
}

/** The complaints besides the browser's line for each call that the server refuses with the status. */
export function otherThan(status: 400 | 503, { complaints }: LabPage): string[] {
  return complaints.filter((text) => !text.includes(`responded with a status of ${status}`));
}
