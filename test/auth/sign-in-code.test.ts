import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { createSignIn, drawSignInCode } from "../../src/auth/sign-in-code.js";
import { failureOf } from "./support.js";

const HERE = "10.0.0.1";
const REFUSED = "Unauthenticated SIGN_IN_CODE_REFUSED";
const MINUTE = 60_000;

function setUp(code: string | null = drawSignInCode(randomBytes)) {
  const clock = { ms: 1_000_000 };
  const refused: string[] = [];
  const signIn = createSignIn({
    now: () => clock.ms,
    onRefused: (address) => void refused.push(address),
  });
  if (code !== null) signIn.offer(code);
  const redeem = (given: string | null, address = HERE, use = async () => {}) =>
    failureOf(() => signIn.redeem(given ?? "none", address, use));
  return { clock, code, redeem, refused, signIn };
}

it("draws codes of 160 bits", () => {
  expect(drawSignInCode(randomBytes)).toMatch(/^[a-z2-7]{32}$/);
  expect(drawSignInCode(randomBytes)).not.toBe(drawSignInCode(randomBytes));
});

it("takes its code once", async () => {
  const { code, signIn, redeem } = setUp();
  expect(await signIn.redeem(code ?? "", HERE, async () => "made")).toBe("made");
  expect(await redeem(code)).toBe(REFUSED);
});

it("takes its code for 10 minutes", async () => {
  const early = setUp();
  early.clock.ms += 10 * MINUTE - 1;
  expect(await early.redeem(early.code)).toBe("");
  const late = setUp();
  late.clock.ms += 10 * MINUTE;
  expect(await late.redeem(late.code)).toBe(REFUSED);
});

it("is not used up by wrong codes, and tells who sent them", async () => {
  const { code, redeem, refused } = setUp();
  for (const wrong of ["", "a", `${code}a`, drawSignInCode(randomBytes)]) {
    expect(await redeem(wrong)).toBe(REFUSED);
  }
  expect(refused).toEqual(Array(4).fill(HERE));
  expect(await redeem(code)).toBe("");
  expect(refused).toHaveLength(4);
});

it("takes none where none was given", async () => {
  const { redeem } = setUp(null);
  expect(await redeem("")).toBe(REFUSED);
  expect(await redeem("null")).toBe(REFUSED);
});

it("hears 10 wrong codes a minute from an address, and other addresses meanwhile", async () => {
  const { clock, code, redeem, refused } = setUp();
  for (let i = 0; i < 10; i++) expect(await redeem("wrong")).toBe(REFUSED);
  expect(await redeem("wrong")).toBe("ResourceExhausted AUTH_RATE_LIMITED");
  expect(await redeem(code)).toBe("ResourceExhausted AUTH_RATE_LIMITED");
  expect(refused).toHaveLength(12);
  expect(await redeem("wrong", "10.0.0.2")).toBe(REFUSED);
  clock.ms += MINUTE;
  expect(await redeem(code)).toBe("");
});

it("lets one of several in at once", async () => {
  const { code, redeem } = setUp();
  let uses = 0;
  const use = async () => {
    uses += 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const outcomes = await Promise.all([1, 2, 3].map(() => redeem(code, HERE, use)));
  expect(outcomes.sort()).toEqual(["", REFUSED, REFUSED]);
  expect(uses).toBe(1);
});

it("stays where its use fails, also for who waits meanwhile", async () => {
  const { code, redeem, signIn } = setUp();
  const away = new Error("the database is away");
  const failing = signIn.redeem(code ?? "", HERE, async () => {
    await new Promise((resolve) => setTimeout(resolve, 10));
    throw away;
  });
  const waiting = redeem(code);
  await expect(failing).rejects.toBe(away);
  expect(await waiting).toBe("");
  expect(await redeem(code)).toBe(REFUSED);
});
