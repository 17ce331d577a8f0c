import { expect, it } from "vitest";
import { DbError, type DbErrorKind } from "../../src/db/errors.js";
import { withRetries } from "../../src/db/retry.js";

const failure = (kind: DbErrorKind) => new DbError(kind, `a ${kind} failure`, "", "");

/** An attempt that fails the given number of times, and the moments at which it was tried. */
function failing(times: number, error: Error = failure("transient")) {
  const triedAt: number[] = [];
  const attempt = async () => {
    triedAt.push(performance.now());
    if (triedAt.length <= times) throw error;
    return "done";
  };
  return { triedAt, attempt };
}

const never = { deadlineAt: Infinity, random: () => 0 };

it("answers the first success", async () => {
  const { triedAt, attempt } = failing(0);
  expect(await withRetries(attempt, never)).toBe("done");
  expect(triedAt).toHaveLength(1);
});

it("tries a transient failure again, each time after twice the wait, never sooner than 50 ms", async () => {
  const { triedAt, attempt } = failing(3);
  const seen: DbError[] = [];
  expect(await withRetries(attempt, { ...never, onRetry: (error) => seen.push(error) })).toBe(
    "done",
  );
  const waits = triedAt.slice(1).map((at, i) => at - (triedAt[i] ?? 0));
  expect(waits).toHaveLength(3);
  expect(seen).toHaveLength(3);
  // Timers count whole milliseconds and may be one early.
  for (const [i, wait] of waits.entries()) expect(wait).toBeGreaterThan(50 * 2 ** i - 2);
});

it("adds jitter of up to the wait itself", async () => {
  const { triedAt, attempt } = failing(1);
  await withRetries(attempt, { ...never, random: () => 0.999 });
  expect((triedAt[1] ?? 0) - (triedAt[0] ?? 0)).toBeGreaterThan(97);
});

it("gives up after four retries, with the last error", async () => {
  const error = failure("transient");
  const { triedAt, attempt } = failing(99, error);
  await expect(withRetries(attempt, never)).rejects.toBe(error);
  expect(triedAt).toHaveLength(5);
});

it("does not begin a wait that would end past the deadline", async () => {
  const { triedAt, attempt } = failing(99);
  const deadlineAt = Date.now() + 120;
  await expect(withRetries(attempt, { deadlineAt, random: () => 0 })).rejects.toThrow("transient");
  expect(triedAt.length).toBeLessThanOrEqual(2);
});

it.each(["poison", "unique", "check", "timeout", "bug"] as const)(
  "does not retry a %s",
  async (kind) => {
    const { triedAt, attempt } = failing(99, failure(kind));
    await expect(withRetries(attempt, never)).rejects.toThrow(kind);
    expect(triedAt).toHaveLength(1);
  },
);

it("does not retry what is not the database's", async () => {
  const { triedAt, attempt } = failing(99, new TypeError("ours"));
  await expect(withRetries(attempt, never)).rejects.toThrow("ours");
  expect(triedAt).toHaveLength(1);
});
