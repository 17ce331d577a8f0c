/** The manifest of the published package, derived from the root one and from the files that it has. */

/** What can be imported, and the module that it is; those that exist are exported. */
const entryPoints = {
  ".": "src/client/index",
  "./v1": "src/client/v1",
  "./formats": "src/formats/index",
  "./vitest": "src/reporters/vitest",
  "./jest": "src/reporters/jest",
  "./playwright": "src/reporters/playwright",
  "./mocha": "src/reporters/mocha",
  "./node-test": "src/reporters/node-test",
};

/**
 * @typedef {object} RootManifest
 * @property {string} name
 * @property {string} version
 * @property {string} description
 * @property {string} license
 * @property {Record<string, string>} engines
 * @property {Record<string, string>} dependencies
 * @property {Record<string, string>} devDependencies
 */

/**
 * The manifest for a package of these files, by their paths. Its dependencies are the packages that its files import,
 * with the root manifest's versions; a package that the root manifest lacks is an Error. Packages that only
 * declarations name, those of the test frameworks, are optional peers.
 *
 * It has the name of the root manifest, so that snippets, imports and the program are called alike. It is no claim to
 * that name in a public registry: installations name a file, an address or a registry of their own.
 *
 * @param {RootManifest} rootManifest
 * @param {ReadonlyMap<string, string>} files
 */
export function packageManifest(rootManifest, files) {
  const { name, version, description, license, engines } = rootManifest;
  const imported = importedPackages(files, ".js");
  const named = importedPackages(files, ".d.ts").filter((each) => !imported.includes(each));
  const dependencies = [...imported, ...named.filter((each) => each in rootManifest.dependencies)];
  const peers = named.filter((each) => !dependencies.includes(each));
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines,
    bin: { tally: "src/cli/main.js" },
    exports: exportsOf(files),
    dependencies: record(dependencies.sort(), (each) => known(rootManifest.dependencies, each)),
    ...peerFields(peers.filter((each) => known(rootManifest.devDependencies, each))),
  };
}

/** @param {ReadonlyMap<string, string>} files */
function exportsOf(files) {
  const found = Object.entries(entryPoints).filter(([, module]) => files.has(`${module}.js`));
  return {
    ...Object.fromEntries(
      found.map(([name, module]) => [
        name,
        // `default` and not `import`: from Node 20.19 on, require takes such modules too, as mocha does.
        { types: `./${module}.d.ts`, default: `./${module}.js` },
      ]),
    ),
    "./package.json": "./package.json",
  };
}

/**
 * Any version: a project with an old one, which does not use that reporter, could not install the package otherwise.
 *
 * @param {string[]} names
 */
function peerFields(names) {
  if (names.length === 0) return {};
  return {
    peerDependencies: record(names, () => "*"),
    peerDependenciesMeta: record(names, () => ({ optional: true })),
  };
}

/**
 * Packages that the files of this ending import, sorted.
 *
 * @param {ReadonlyMap<string, string>} files
 * @param {string} ending
 */
function importedPackages(files, ending) {
  const names = [...files]
    .filter(([path]) => path.endsWith(ending))
    .flatMap(([, text]) => [...text.matchAll(IMPORT)])
    .map(([, from = "", lazily = ""]) => from || lazily)
    .filter((name) => !/^(?:\.|node:)/.test(name))
    .map((name) => name.split("/", name.startsWith("@") ? 2 : 1).join("/"));
  return [...new Set(names)].sort();
}

/**
 * @param {Record<string, string>} versions
 * @param {string} name
 */
function known(versions, name) {
  const version = versions[name];
  if (version === undefined) throw new Error(`the published package imports ${name}`);
  return version;
}

/**
 * @template T
 * @param {string[]} names
 * @param {(name: string) => T} toValue
 */
function record(names, toValue) {
  return Object.fromEntries(names.map((name) => [name, toValue(name)]));
}

/** `import … from "x"`, `export … from "x"` and `import "x"` at the beginning of a line, `import("x")` anywhere. */
const IMPORT = /^(?:import|export)\b(?:[^"';]*?\bfrom)?\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm;
