/** Ids of tests in requests. */
import type { Violation } from "../../errors.js";
import { quote } from "../../text.js";

/** Adds what is wrong with a test_id: it is 32 hexadecimal digits, as answers give them. */
export function checkTestId(violations: Violation[], field: string, testId: string): void {
  if (/^[0-9a-f]{32}$/.test(testId)) return;
  const description =
    testId === "" ? "is required" : `is not 32 hexadecimal digits: ${quote(testId)}`;
  violations.push({ field, description });
}
