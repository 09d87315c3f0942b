// One file each, so that an image needs neither npm nor node_modules: node build.mjs [collector|synthetic]
import { rmSync } from "node:fs";
import { build } from "esbuild";

const names = process.argv.length > 2 ? process.argv.slice(2) : ["collector", "synthetic"];
for (const name of names) {
  const folder = new URL(`./${name}/`, import.meta.url).pathname;
  rmSync(`${folder}dist`, { recursive: true, force: true });
  await build({
    entryPoints: [`${folder}src/main.ts`],
    outfile: `${folder}dist/${name}.mjs`,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    legalComments: "none",
    // The application's schema is a link; what it imports is found from here, not from where the link leads.
    preserveSymlinks: true,
    // Bundled CommonJS calls require() for Node's own modules.
    banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
    logLevel: "warning",
  });
}
