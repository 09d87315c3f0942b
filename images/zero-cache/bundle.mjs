// Bundles zero-cache into one flat folder. zero-cache starts its parts as processes of their own and finds their files
// beside the file that names them, so each part is an entry point and nothing may land in a subfolder.
import {cp, mkdir, writeFile} from 'node:fs/promises';
import {build} from 'esbuild';

const zero = 'node_modules/@rocicorp/zero/out';
const server = `${zero}/zero-cache/src/server`;
const out = '/out/app';

// Only formats queries for a debugging tool, and weighs more than everything else together.
const withoutFormatter = {
  name: 'without-formatter',
  setup(b) {
    b.onResolve({filter: /^oxfmt$/}, () => ({path: 'oxfmt', namespace: 'stub'}));
    b.onLoad({filter: /.*/, namespace: 'stub'}, () => ({contents: 'export const format = async (_name, code) => ({code});'}));
  },
};

await build({
  entryPoints: {
    'cli': `${zero}/zero/src/cli.js`,
    'zero-out': `${zero}/zero/src/zero-out.js`,
    'main': `${server}/main.js`,
    'change-streamer': `${server}/change-streamer.js`,
    'backup-watermark-reader': `${server}/backup-watermark-reader.js`,
    'reaper': `${server}/reaper.js`,
    'replicator': `${server}/replicator.js`,
    'shadow-syncer': `${server}/shadow-syncer.js`,
    'syncer': `${server}/syncer.js`,
    'write-worker': `${server}/write-worker.js`,
  },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  legalComments: 'none',
  logLevel: 'warning',
  // The SQLite build is native and finds its binary by the place of its own package.
  external: ['@rocicorp/zero-sqlite3', 'node-gyp-build'],
  banner: {js: "import {createRequire as __createRequire} from 'node:module';const require=__createRequire(import.meta.url);"},
  plugins: [withoutFormatter],
});

await writeFile(`${out}/package.json`, '{"type": "module"}\n');
for (const path of ['@rocicorp/zero-sqlite3/package.json', '@rocicorp/zero-sqlite3/lib', 'node-gyp-build']) {
  await cp(`node_modules/${path}`, `${out}/node_modules/${path}`, {recursive: true});
}
const binary = `node_modules/@rocicorp/zero-sqlite3/prebuilds/linux-x64/node.abi${process.versions.modules}.glibc.node`;
await mkdir(`${out}/node_modules/@rocicorp/zero-sqlite3/prebuilds/linux-x64`, {recursive: true});
await cp(binary, `${out}/${binary}`);
