// One bundle, so that the image needs neither npm nor node_modules. Native addons are copied beside it.
import { readFileSync, rmSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));
const here = (path) => new URL(path, import.meta.url).pathname;

// The addon's loader names a package for every platform; only the installed one can be resolved.
const optionalAddons = {
  name: "optional-addons",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^@node-rs\/bcrypt-|\.node$|\.wasi\.cjs$|^pg-native$/ }, async (args) => {
      if (args.pluginData === "seen") return undefined;
      const found = await resolve(args.path, {
        kind: args.kind,
        importer: args.importer,
        resolveDir: args.resolveDir,
        pluginData: "seen",
      });
      return found.errors.length > 0 ? { path: args.path, external: true } : found;
    });
  },
};

rmSync(here("./dist"), { recursive: true, force: true });
await build({
  entryPoints: { server: here("./src/main.ts") },
  outdir: here("./dist"),
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  target: "node22",
  format: "esm",
  legalComments: "none",
  define: { __VERSION__: JSON.stringify(version) },
  loader: { ".node": "copy" },
  plugins: [optionalAddons],
  // Bundled CommonJS calls require() for Node's own modules and for the addon.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url); const __filename = import.meta.filename; const __dirname = import.meta.dirname;',
  },
  logLevel: "warning",
});
