import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { menu } from "../src/core/menu.ts";
import { parseStatus } from "../src/core/poolStatus.ts";
import type { Known } from "../src/core/statusText.ts";
import { offBecause, pushed, type Switches } from "../src/core/switches.ts";
import { whyPage } from "../src/core/why.ts";

const KNOWN: Known = {
  daemon: "running",
  failure: undefined,
  pool: parseStatus({ state: "ready", model: "qwen", nodes: [] }),
  off: undefined,
  language: "python",
};
const ON: Switches = { enabled: true, languages: {}, session: undefined };

function labels(known: Partial<Known> = {}, switches: Partial<Switches> = {}): string {
  return menu({ ...KNOWN, ...known }, { ...ON, ...switches })
    .map((each) => each.label.replace(/\$\(.*?\) /, ""))
    .join(", ");
}

test("the menu leads everywhere", () => {
  assert.equal(
    labels(),
    "Why no completion?, Switch off for this session, Switch off everywhere, Switch off for python, " +
      "Select model…, Open dashboard, Restart, Show log, Settings",
  );
});

test("it leads to what is wrong first", () => {
  assert.match(labels({ daemon: "failed" }), /^Install the daemon…/);
  assert.match(labels({ pool: parseStatus({ state: "unauthorized" }) }), /^Set the pool's key…/);
});

test("what is off can be switched on", () => {
  assert.match(labels({}, { session: false }), /Switch on for this session, Switch off everywhere/);
  assert.match(labels({}, { languages: { python: false } }), /Switch on for python/);
});

test("without a file there is no language to switch", () => {
  assert.doesNotMatch(labels({ language: undefined }), /python/);
});

test("each command of the menu is one that the extension has", () => {
  const manifest = JSON.parse(readFileSync("package.json", "utf8")) as { contributes: { commands: { command: string }[] } };
  const known = new Set(manifest.contributes.commands.map((each) => each.command));
  const entries = menu({ ...KNOWN, daemon: "failed", pool: parseStatus({ state: "unauthorized" }) }, ON);
  for (const { command } of entries) assert.ok(known.has(command), command);
});

for (const [what, switches, language, because] of [
  ["nothing", {}, "python", undefined],
  ["the setting", { enabled: false }, "python", "everywhere"],
  ["the session", { session: false }, "python", "session"],
  ["the session, over the setting", { enabled: false, session: true }, "python", undefined],
  ["the language", { languages: { python: false } }, "python", "language"],
  ["another language", { languages: { go: false } }, "python", undefined],
  ["all languages but one", { languages: { "*": false, python: true } }, "python", undefined],
  ["all languages that are not named", { languages: { "*": false } }, "go", "language"],
] as const) {
  test(`switched off by ${what}: ${because ?? "on"}`, () => {
    assert.equal(offBecause({ ...ON, ...switches }, language), because);
  });
}

for (const [enabled, session, after] of [
  [true, undefined, false],
  [true, false, undefined],
  [false, undefined, true],
  [false, true, undefined],
  [true, true, false],
] as const) {
  test(`the session's switch, ${session} where the setting is ${enabled}, becomes ${after}`, () => {
    assert.equal(pushed({ ...ON, enabled, session }), after);
  });
}

test("the page begins with the answer, and has each stage that was measured", () => {
  const page = whyPage([
    {
      uri: "file:///w/a%20b.py",
      line: 3,
      trigger: "automatic",
      outcome: "shed:load-shed",
      explanation: "The pool has no room.",
      node: "pi",
      model: "qwen",
      prompt_tokens: 120,
      cached_tokens: 100,
      completion_tokens: 8,
      tokens_per_s: 9.87,
      stages: { daemon_ms: 1.6, node_load_ms: null, first_token_ms: 250 },
    },
  ]);
  assert.match(page, /^# Why no completion\?\n\nThe pool has no room\./);
  assert.match(page, /## shed:load-shed · a b\.py:4 · automatic/);
  assert.match(page, /120 read, 100 of them cached; 8 written at 9\.9\/s/);
  assert.match(page, /daemon 2 ms, first token 250 ms/);
});

test("before the first request the page says so", () => {
  assert.match(whyPage([]), /Nothing has been asked for yet/);
});
