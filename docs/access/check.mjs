// Accessibility of the built site: axe's rules, a page of every kind, wide and narrow, light and dark.
//
//     node check.mjs ../../build/site/html [page.html ...]
//
// Ends with 1 where a rule of serious or critical impact is broken, or a page is wider than its window.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const PAGES = [
  "index.html",
  "docs/guides/state_a_lemma.html",
  "docs/guides/certify_a_network.html",
  "docs/certificates.html",
  "certificates/README.html",
  "catalogue/step.pinsker.html",
  "docs/theory.html",
  "docs/house.html",
  "docs/comparison.html",
  "catalogue/index.html",
  "catalogue/dof.range.html",
  "catalogue/theorem.fixed_nodes.html",
  "false_lemmas/index.html",
  "false_lemmas/reconstruction.html",
  "gallery/index.html",
  "gallery/which_nodes.html",
  "notebooks/index.html",
  "notebooks/the_theorem_term_by_term.html",
  "api/index.html",
  "api/pruning.spectral_prune.html",
  "api/bounds.Bound.html",
  "results/index.html",
  "results/digits.html",
  "search.html",
  "genindex.html",
];
const WIDTHS = [1280, 400];
const [folder, ...given] = process.argv.slice(2);
const pages = given.length ? given : PAGES;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");
const browsers = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = browsers.find((path) => path && existsSync(path));
if (!executablePath) {
  console.error("no Chromium was found; CHROMIUM=/path/to/it says where one is");
  process.exit(2);
}

const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--allow-file-access-from-files"] });
let faults = 0;
for (const name of pages) {
  for (const width of WIDTHS) {
    for (const scheme of ["light", "dark"]) {
      const page = await browser.newPage();
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await page.goto(pathToFileURL(resolve(join(folder, name))).href, { waitUntil: "load" });
      await page.evaluate(axe);
      const found = await page.evaluate(async () => {
        const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
        return violations.map(({ id, impact, nodes }) => ({
          id, impact, count: nodes.length, first: nodes[0].html.slice(0, 160), why: nodes[0].failureSummary,
        }));
      });
      const serious = found.filter(({ impact }) => ["serious", "critical"].includes(impact));
      for (const { id, impact, count, first, why } of serious) {
        console.log(`${name} at ${width}, ${scheme}: ${id} (${impact}, ${count}): ${first}`);
        if (process.env.WHY) console.log("   " + why.replaceAll("\n", "\n   "));
      }
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (wide > 1) console.log(`${name} at ${width}, ${scheme}: ${wide} pixels wider than the window`);
      faults += serious.length + (wide > 1 ? 1 : 0);
      if (process.env.SHOTS) {
        const file = `${process.env.SHOTS}/${name.replaceAll("/", "-").replace(".html", "")}-${width}-${scheme}.png`;
        await page.screenshot({ path: file });
      }
      await page.close();
    }
  }
}
await browser.close();
console.log(`${pages.length} pages at ${WIDTHS.join(" and ")} pixels, light and dark: ${faults} serious faults`);
process.exit(faults ? 1 : 0);
