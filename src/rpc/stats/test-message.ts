/** Tests as answers show them. */
import type { StoredTest } from "../../db/stored-results.js";

/** A test's identity. */
export function testMessage(test: Omit<StoredTest, "testId">) {
  const { suite, file, name, parameters, variant } = test;
  return { suite, file, name, parameters, variant: { ...variant } };
}
