/** How a test is called. */
import type { Test } from "../../../gen/tally/v1/run_pb.js";
import { displayText } from "./display-text.js";

/** The name with its parameters: `adds [1, 2]`. */
export function testName(test: Test | undefined): string {
  if (test === undefined) return "";
  return displayText(test.parameters === "" ? test.name : `${test.name} [${test.parameters}]`, 500);
}

/** Where it is: `file › suite`, with the variant: `chromium`. */
export function testPlace(test: Test | undefined): string {
  if (test === undefined) return "";
  const variant = Object.entries(test.variant).map(([key, value]) => `${key}=${value}`);
  return displayText([test.file, test.suite, ...variant].filter(Boolean).join(" › "), 500);
}
