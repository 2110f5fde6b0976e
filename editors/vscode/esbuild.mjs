// Bundles the extension, or with --tests its unit tests, each into a file that Node runs.
import { readdirSync } from "node:fs";
import { build } from "esbuild";

const common = { bundle: true, platform: "node", target: "node20", logLevel: "warning" };

if (process.argv.includes("--tests")) {
  const tests = readdirSync("tests").map((name) => `tests/${name}`);
  await build({ ...common, entryPoints: tests, outdir: "build/tests", format: "esm", outExtension: { ".js": ".mjs" } });
} else {
  await build({
    ...common,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    format: "cjs",
    external: ["vscode"],
    minify: true,
    mainFields: ["module", "main"],
  });
}
