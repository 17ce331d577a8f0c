/** How tests of Vitest are known. */
import type { TestCase, TestModule, TestProject, TestSuite } from "vitest/node";
import type { TestResultInit } from "../client/index.js";
import { countRepeats } from "./repeats.js";

/** Which test, and which of several with the same title. */
export interface Named extends Pick<TestResultInit, "location"> {
  readonly test: {
    readonly suite: string;
    readonly file: string;
    readonly name: string;
    readonly variant: Record<string, string>;
  };
  readonly repeatIndex: number;
}

export interface VitestNames {
  /**
   * A test by its describes, its file, and its project, browser or type check, where there is one. Of tests with one
   * title in the same describe, the n-th in the file has the repeat index n - 1.
   */
  test(test: TestCase): Named;
  /** What of a suite or module is no test, such as a hook; counted as it comes. */
  part(entity: TestSuite | TestModule, name: string): Named;
}

/** The names of one run. */
export function createVitestNames(fileOf: (path: string) => string): VitestNames {
  const modules = new WeakMap<TestModule, ModuleNames>();
  const suites = new WeakMap<TestSuite, string>();
  const repeatOf = countRepeats();

  function moduleNames(module: TestModule): ModuleNames {
    const known = modules.get(module);
    if (known !== undefined) return known;
    const names = {
      file: fileOf(module.moduleId),
      variant: variantOf(module),
      repeats: repeatsIn(module, suiteOf),
    };
    modules.set(module, names);
    return names;
  }

  function suiteOf(entity: TestSuite | TestModule): string {
    if (entity.type === "module") return "";
    const known = suites.get(entity);
    if (known !== undefined) return known;
    const outer = suiteOf(entity.parent);
    const path = outer === "" ? entity.name : `${outer} > ${entity.name}`;
    suites.set(entity, path);
    return path;
  }

  return {
    test({ id, module, parent, name, location }) {
      const { file, variant, repeats } = moduleNames(module);
      return {
        test: { suite: suiteOf(parent), file, name: name || UNNAMED, variant },
        repeatIndex: repeats.get(id) ?? 0,
        ...(location === undefined ? {} : { location: { file, line: location.line } }),
      };
    },
    part(entity, name) {
      const module = entity.type === "module" ? entity : entity.module;
      const { file, variant } = moduleNames(module);
      const suite = suiteOf(entity);
      return {
        test: { suite, file, name, variant },
        repeatIndex: repeatOf(suite, module.id, name),
      };
    },
  };
}

interface ModuleNames {
  readonly file: string;
  readonly variant: Record<string, string>;
  /** By the id of the test, for those above 0. */
  readonly repeats: ReadonlyMap<string, number>;
}

function repeatsIn(
  module: TestModule,
  suiteOf: (entity: TestSuite | TestModule) => string,
): ReadonlyMap<string, number> {
  const repeats = new Map<string, number>();
  const repeatOf = countRepeats();
  for (const test of module.children.allTests()) {
    const count = repeatOf(suiteOf(test.parent), test.name || UNNAMED);
    if (count > 0) repeats.set(test.id, count);
  }
  return repeats;
}

function variantOf(module: TestModule): Record<string, string> {
  const { name, config }: TestProject = module.project;
  const { browser } = config;
  return {
    ...(name ? { project: name } : {}),
    ...(browser?.enabled && browser.name ? { browser: browser.name } : {}),
    ...("typecheck" in module.meta() ? { check: "types" } : {}),
  };
}

/** Vitest takes an empty title. */
const UNNAMED = "(no title)";
