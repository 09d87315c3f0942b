import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type HtmlTagDescriptor, type Plugin } from "vite";
import solid from "vite-plugin-solid";

const KIB = 1024;
/** All the JavaScript there is, and what of it stands before the login page, both as sent with gzip. */
const WHOLE_BUDGET = 250 * KIB;
const ENTRY_BUDGET = 25 * KIB;

const BOOT = "/src/boot.js";

/** Gives the script that runs before the first paint its hashed name: it is no module, which Vite leaves alone. */
function boot(): Plugin {
  return {
    name: "boot",
    apply: "build",
    buildStart() {
      const source = readFileSync(new URL(`.${BOOT}`, import.meta.url), "utf8").replace(/^\s*\/\/.*\n/gm, "");
      this.emitFile({ type: "asset", name: "boot.js", source });
    },
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle }) {
        const emitted = Object.values(bundle ?? {}).find(({ fileName }) => /\/boot-[^/]+\.js$/.test(fileName));
        return html.replace(BOOT, `/${emitted?.fileName}`);
      },
    },
  };
}

/**
 * Names what is loaded later in the page too, to be fetched when there is nothing else to do. So a page that is open
 * already has all of its release when the next one replaces it, and the service worker knows what to keep.
 */
function fetchAhead(): Plugin {
  return {
    name: "fetch-ahead",
    transformIndexHtml: {
      order: "post",
      handler(html, { bundle }) {
        const tags: HtmlTagDescriptor[] = [];
        for (const output of Object.values(bundle ?? {})) {
          const href = `/${output.fileName}`;
          // Zero's inspector is for developers' consoles.
          if (html.includes(href) || output.fileName.includes("inspector")) continue;
          if (output.type === "chunk")
            tags.push({ tag: "link", attrs: { rel: "prefetch", as: "script", href, crossorigin: true } });
          else if (href.endsWith(".css"))
            tags.push({ tag: "link", attrs: { rel: "prefetch", as: "style", href, crossorigin: true } });
        }
        return { html, tags: tags.map((tag) => ({ ...tag, injectTo: "head" as const })) };
      },
    },
  };
}

/** Lets a browser run only what was built: a script or style that a cache or a proxy has changed is refused. */
function integrity(): Plugin {
  let built = "";
  return {
    name: "integrity",
    apply: "build",
    configResolved(config) {
      built = resolve(config.root, config.build.outDir);
    },
    // From the files as they are written: names of other chunks are filled in late. Not at all when the build failed.
    writeBundle() {
      const page = resolve(built, "index.html");
      const html = readFileSync(page, "utf8").replace(
        /<(?:script\b[^>]*\bsrc|link rel="(?:stylesheet|modulepreload)"[^>]*\bhref)="(\/[^"]+)"/g,
        (tag, href: string) => {
          const digest = createHash("sha384")
            .update(readFileSync(built + href))
            .digest("base64");
          return `${tag} integrity="sha384-${digest}"`;
        },
      );
      writeFileSync(page, html);
    },
  };
}

/** Fails the build when the program has grown beyond what a phone on a bad connection should load. */
function budget(): Plugin {
  return {
    name: "budget",
    generateBundle(_options, bundle) {
      let whole = 0;
      let entry = 0;
      for (const output of Object.values(bundle)) {
        if (output.type !== "chunk") continue;
        const size = gzipSync(output.code, { level: 6 }).length;
        whole += size;
        if (output.isEntry) entry += size;
      }
      const told = `JavaScript with gzip: ${(whole / KIB).toFixed(1)} KiB, ${(entry / KIB).toFixed(1)} of it before the login`;
      if (whole > WHOLE_BUDGET || entry > ENTRY_BUDGET)
        this.error(`${told}; at most ${WHOLE_BUDGET / KIB} and ${ENTRY_BUDGET / KIB} are allowed`);
      this.info(told);
    },
  };
}

export default defineConfig({
  plugins: [solid({ include: ["src/**/*.tsx"] }), boot(), fetchAhead(), budget(), integrity()],
  build: {
    target: "es2022",
    // The first with light-dark(), which states each colour once for both themes.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // Inlined assets would be data: URLs, which the page's content security policy need not allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
