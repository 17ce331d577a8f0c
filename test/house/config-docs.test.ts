import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { type Setting, settings } from "../../src/settings.js";
import { readmeSection, tableRow, tableRows } from "./readme.js";

const all: readonly Setting<unknown>[] = Object.values(settings);

it("names each setting once, with a default that is right", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  for (const setting of all) {
    if (setting.default !== "") expect(setting.parse(setting.default), setting.name).toBeDefined();
  }
});

it("shows every setting in .env.example", async () => {
  const text = await readFile(new URL("../../.env.example", import.meta.url), "utf8");
  const blocks = all.map((each) => `# ${each.description}\n#${each.name}=${each.default}\n`);
  const head = "# Every setting of the server, with its default. None is required.\n";
  expect(text).toBe([head, ...blocks].join("\n"));
});

it("shows every setting in the README's table under Configuration", async () => {
  const rows = all.map((each) =>
    tableRow([`\`${each.name}\``, each.default && `\`${each.default}\``, each.description]),
  );
  expect(tableRows(await readmeSection("Configuration"))).toEqual(rows);
});
