/** The browser that drives the dashboard, in tests and figures. */
import { existsSync } from "node:fs";

const PLACES = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/**
 * Path of Chromium: TALLY_CHROMIUM, or where it usually is; undefined if there is none, and then what needs it is left out.
 * With TALLY_CHROMIUM set to a path where nothing is, that is an error: CI must not skip them unnoticed.
 */
export function findChromium(): string | undefined {
  const given = process.env["TALLY_CHROMIUM"];
  if (given === undefined) return PLACES.find((path) => existsSync(path));
  if (!existsSync(given)) throw new Error(`TALLY_CHROMIUM: nothing is at ${given}`);
  return given;
}
