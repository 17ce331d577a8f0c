/** The dashboard is packed again only when something changed; what is stale must never be kept. */
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeIfChanged } from "../scripts/make-if-changed.js";

let folder: string;
let made: number;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tally-make-"));
  made = 0;
  await mkdir(join(folder, "src/deep"), { recursive: true });
  await put("src/a.txt", "a");
  await put("src/deep/b.txt", "b");
  await put("config.js", "config");
});
afterEach(() => rm(folder, { recursive: true }));

const put = (path: string, text: string) => writeFile(join(folder, path), text);
const read = (path: string) => readFile(join(folder, path), "utf8");
const remove = (path: string) => rm(join(folder, path), { recursive: true });

function make(settings = "", during = async () => {}) {
  const output = join(folder, "out");
  return makeIfChanged({
    output,
    inputs: ["src", "config.js", "not-there.json"].map((name) => join(folder, name)),
    settings,
    stamp: join(folder, "stamp"),
    async make() {
      await rm(output, { recursive: true, force: true });
      await mkdir(join(output, "assets"), { recursive: true });
      await put("out/assets/all.txt", await read("src/a.txt"));
      await put("out/index.txt", "index");
      made += 1;
      await during();
    },
  });
}

it("makes once of the same content, whatever its times are", async () => {
  expect(await make()).toBe(true);
  expect(await make()).toBe(false);
  await utimes(join(folder, "src/a.txt"), 1, 1);
  await put("config.js", "config");
  expect(await make()).toBe(false);
  expect(made).toBe(1);
});

it.each<[string, () => Promise<void>]>([
  ["a file is changed, as long as before", () => put("src/a.txt", "x")],
  ["a deep one is changed", () => put("src/deep/b.txt", "new")],
  ["one comes", () => put("src/deep/c.txt", "")],
  ["one goes", () => remove("src/deep/b.txt")],
  ["one that was not there comes", () => put("not-there.json", "{}")],
  [
    "two swap their contents",
    async () => {
      await put("src/a.txt", "b");
      await put("src/deep/b.txt", "a");
    },
  ],
  ["the output is gone", () => remove("out")],
  ["a file of the output is gone", () => remove("out/index.txt")],
  ["a file of the output was changed", () => put("out/index.txt", "other")],
  ["the output has one too many", () => put("out/old.txt", "")],
  ["what was remembered is gone", () => remove("stamp")],
  ["what was remembered was cut off", () => put("stamp", "{")],
])("makes again when %s", async (_, change) => {
  await make();
  await change();
  expect(await make()).toBe(true);
  expect(await read("out/assets/all.txt")).toBe(await read("src/a.txt"));
  expect(await make()).toBe(false);
});

it("makes again with other settings", async () => {
  await make("one");
  expect(await make("two")).toBe(true);
  expect(await make("two")).toBe(false);
});

it("makes again what failed, though nothing has changed", async () => {
  await make();
  await put("src/a.txt", "broken");
  await expect(make("", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await put("src/a.txt", "a");
  expect(await make()).toBe(true);
});

it("makes again what changed while it was made", async () => {
  await make("", () => put("src/deep/b.txt", "late"));
  expect(await make()).toBe(true);
  expect(await make()).toBe(false);
});
