import bcrypt from "bcryptjs";
import { expect, it } from "vitest";
import { SecretHasher } from "../../src/auth/secret-hasher.js";

it("makes hashes that it and bcrypt recognise, with the cost asked for", async () => {
  await using hasher = new SecretHasher({ cost: 5 });
  const hash = await hasher.hash("secret");
  expect(bcrypt.getRounds(hash)).toBe(5);
  expect(bcrypt.compareSync("secret", hash)).toBe(true);
  expect(await hasher.matches("secret", hash)).toBe(true);
  expect(await hasher.matches("Secret", hash)).toBe(false);
  expect(await hasher.matches("secret", "no hash")).toBe(false);
});

it("leaves the event loop free while it hashes", async () => {
  await using hasher = new SecretHasher({ cost: 11 });
  await hasher.hash("warm");
  let longestMs = 0;
  let at = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - at);
    at = performance.now();
  }, 1);
  const startedAt = performance.now();
  await hasher.hash("secret");
  clearInterval(timer);
  // On this thread the hash would hold the timer for all of its time.
  expect(longestMs).toBeLessThan((performance.now() - startedAt) * 0.8);
});

it("asks whether a check is still wanted only when its turn comes, after the answer before it", async () => {
  await using hasher = new SecretHasher({ cost: 4 });
  const hash = await hasher.hash("a");
  const order: string[] = [];
  const first = hasher
    .matches("a", hash, () => void order.push("first"))
    .then(() => order.push("1"));
  const second = hasher
    .matches("a", hash, () => {
      order.push("second");
      throw new Error("no longer wanted");
    })
    .catch((error: Error) => order.push(error.message));
  const third = hasher.matches("a", hash);
  await Promise.all([first, second]);
  expect(await third).toBe(true);
  expect(order).toEqual(["first", "1", "second", "no longer wanted"]);
});

it("checks secrets before it hashes new ones, so that making tokens keeps nobody out", async () => {
  await using hasher = new SecretHasher({ cost: 4 });
  const hash = await hasher.hash("a");
  const order: string[] = [];
  const hashes = Array.from({ length: 200 }, () =>
    hasher.hash("b").then(
      () => order.push("hash"),
      () => {},
    ),
  );
  expect(await hasher.matches("a", hash)).toBe(true);
  // No more than the one under way came first.
  expect(order.length).toBeLessThanOrEqual(1);
  await Promise.all(hashes);
});

it("refuses more than it can queue, and what comes after its end", async () => {
  const hasher = new SecretHasher({ cost: 4 });
  const all = await Promise.allSettled(Array.from({ length: 200 }, () => hasher.hash("a")));
  const refused = all.filter(({ status }) => status === "rejected");
  expect(refused).toHaveLength(200 - 129);
  expect(refused[0]).toMatchObject({ reason: { rawMessage: /too many tokens wait/ } });
  const pending = hasher.hash("a");
  const ended = expect(pending).rejects.toThrow("stopping");
  await hasher[Symbol.asyncDispose]();
  await ended;
  await expect(hasher.hash("a")).rejects.toThrow("stopping");
});
