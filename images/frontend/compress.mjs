// compress.mjs FOLDER: puts NAME.gz and NAME.br beside every text file that does not fit into one packet anyway, as small
// as the two can make it. Not beside pages: what is compressed beside what somebody else chose tells its length.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TEXT = /\.(css|js|json|map|svg|txt|wasm|webmanifest)$/;
const PACKET = 1400;

for (const entry of readdirSync(process.argv[2], { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (!entry.isFile() || !TEXT.test(entry.name)) continue;
  const content = readFileSync(path);
  if (content.length <= PACKET) continue;
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
  const parameters = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
  };
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params: parameters }));
}
