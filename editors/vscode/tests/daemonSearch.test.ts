import assert from "node:assert/strict";
import { test } from "node:test";
import { candidates, choose, type Surroundings } from "../src/core/daemonSearch.ts";
import { installers } from "../src/core/installers.ts";
import { Restarts } from "../src/core/restarts.ts";
import { notFound, wouldNotStart } from "../src/core/startFailure.ts";

const AROUND: Surroundings = {
  setting: "",
  pythonFolders: ["/project/.venv/bin"],
  ownFolder: "/storage/daemon/bin",
  environment: { PATH: "/usr/bin:.:bin:/home/me/.local/bin" },
  home: "/home/me",
  isWindows: false,
};

function places(changes: Partial<Surroundings> = {}): string[] {
  return candidates({ ...AROUND, ...changes }).map(({ origin, path }) => `${origin} ${path}`);
}

test("the active Python environment, our own, pipx, uv, PATH: in this order, each place once", () => {
  assert.deepEqual(places(), [
    "python /project/.venv/bin/cerebrum-lsp",
    "own /storage/daemon/bin/cerebrum-lsp",
    "pipx /home/me/.local/bin/cerebrum-lsp",
    "PATH /usr/bin/cerebrum-lsp",
  ]);
});

test("pipx and uv say where they put programs", () => {
  const environment = { PIPX_BIN_DIR: "/pipx", UV_TOOL_BIN_DIR: "/uv", PATH: "" };
  assert.deepEqual(places({ environment, pythonFolders: [] }).slice(1), ["pipx /pipx/cerebrum-lsp", "uv /uv/cerebrum-lsp"]);
});

test("a path that is set is the only one", () => {
  assert.deepEqual(places({ setting: " ~/bin/cerebrum-lsp " }), ["setting /home/me/bin/cerebrum-lsp"]);
});

test("no place is relative to the workspace", () => {
  assert.ok(places().every((each) => each.includes(" /")));
});

test("programs of Windows", () => {
  const environment = { PATH: "C:\\bin;tools" };
  const windows = { isWindows: true, home: "C:\\me", ownFolder: "C:\\own\\Scripts", pythonFolders: [], environment };
  assert.deepEqual(places(windows).at(-1), "PATH C:\\bin\\cerebrum-lsp.exe");
});

test("the first that can be executed is taken", async () => {
  const all = candidates(AROUND);
  const chosen = await choose(all, (path) => Promise.resolve(path.startsWith("/home") || path.startsWith("/usr")));
  assert.equal(chosen?.origin, "pipx");
  assert.equal(await choose(all, () => Promise.resolve(false)), undefined);
});

test("uv before pipx before an environment of our own; nothing without a tool", () => {
  const all = installers({ uv: "/uv", pipx: "/pipx", python: "/python3" }, "/w.whl", "/storage/daemon");
  assert.deepEqual(all.map((each) => each.steps), [
    [["/uv", "tool", "install", "--force", "/w.whl"]],
    [["/pipx", "install", "--force", "/w.whl"]],
    [
      ["/python3", "-m", "venv", "/storage/daemon"],
      ["/storage/daemon/bin/python", "-m", "pip", "install", "--upgrade", "/w.whl"],
    ],
  ]);
  assert.deepEqual(installers({ uv: undefined, pipx: undefined, python: undefined }, "/w.whl", "/s"), []);
});

test("a daemon that is not there: what is missing, and what can be done", () => {
  assert.deepEqual(notFound("").steps, ["install", "settings"]);
  assert.match(notFound("/nowhere").message, /no program at \/nowhere/);
});

test("a daemon that ends says its last words, in one line", () => {
  const found = { origin: "PATH", path: "/usr/bin/cerebrum-lsp" } as const;
  const { message } = wouldNotStart(found, "has ended", "Traceback\n  line\nImportError: no pygls.\n\n");
  assert.equal(message, "Cerebrum: /usr/bin/cerebrum-lsp (PATH) has ended: ImportError: no pygls.");
});

test("a daemon that dies is started at once, then later and later, and not for ever", () => {
  const restarts = new Restarts();
  assert.deepEqual([1, 1, 1, 1, 1, 1].map((ranS) => restarts.onDeath(ranS)), [0, 1, 3, 10, 30, undefined]);
  restarts.reset();
  assert.equal(restarts.onDeath(1), 0);
});

test("one that ran for long is started at once again", () => {
  const restarts = new Restarts();
  restarts.onDeath(1);
  restarts.onDeath(1);
  assert.equal(restarts.onDeath(3600), 0);
});
