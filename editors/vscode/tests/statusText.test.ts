import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStatus } from "../src/core/poolStatus.ts";
import { countsDown, type Known, statusView } from "../src/core/statusText.ts";

const NOW_S = 1000;

function known(changes: Partial<Known> & { status?: object } = {}): Known {
  const { status, ...rest } = changes;
  const pool = parseStatus({ state: "ready", message: "ready: m", nodes: [], ...status });
  return { daemon: "running", failure: undefined, pool, off: undefined, language: "python", ...rest };
}

const CASES: [string, Known, string, string][] = [
  ["ready", known(), "$(sparkle) Cerebrum", "normal"],
  ["busy", known({ status: { state: "busy" } }), "$(loading~spin) Cerebrum", "normal"],
  ["loading, by name", known({ status: { state: "loading", model: "qwen" } }), "$(loading~spin) Cerebrum: loading qwen", "normal"],
  ["loading, name unknown", known({ status: { state: "loading", model: null } }), "$(loading~spin) Cerebrum: loading", "normal"],
  ["shed", known({ status: { state: "load-shed", retryAt: 1006.2 } }), "$(clock) Cerebrum: no room, 7 s", "normal"],
  ["circuit open", known({ status: { state: "circuit-open", retryAt: 1125 } }), "$(debug-disconnect) Cerebrum: circuit open, 2:05 min", "warning"],
  ["a time that has passed", known({ status: { state: "circuit-open", retryAt: 999 } }), "$(debug-disconnect) Cerebrum: circuit open", "warning"],
  ["no node", known({ status: { state: "no-node" } }), "$(debug-disconnect) Cerebrum: no node", "warning"],
  ["a wrong key", known({ status: { state: "unauthorized" } }), "$(key) Cerebrum: wrong key", "error"],
  ["nothing heard yet", known({ pool: undefined }), "$(loading~spin) Cerebrum: connecting", "normal"],
  ["starting", known({ daemon: "starting" }), "$(loading~spin) Cerebrum: starting", "normal"],
  ["stopped", known({ daemon: "stopped" }), "$(circle-slash) Cerebrum: stopped", "normal"],
  ["failed", known({ daemon: "failed", failure: "why" }), "$(error) Cerebrum: not running", "error"],
  ["off", known({ off: "everywhere" }), "$(circle-slash) Cerebrum: off", "normal"],
  ["off for a session", known({ off: "session" }), "$(circle-slash) Cerebrum: off for this session", "normal"],
  ["off for a language", known({ off: "language" }), "$(circle-slash) Cerebrum: off for python", "normal"],
];

for (const [what, given, text, tone] of CASES) {
  test(`${what}: ${text}`, () => {
    const view = statusView(given, NOW_S);
    assert.equal(view.text, text);
    assert.equal(view.tone, tone);
  });
}

test("the tooltip has the message, and each node with its reason", () => {
  const nodes = [{ name: "pi", state: "refusing", model: "m", reason: "other work" }];
  const view = statusView(known({ status: { state: "load-shed", message: "no room", nodes } }), NOW_S);
  assert.equal(view.tooltip, "no room\npi: refusing, m (other work)");
});

test("only a time that is still to come counts down", () => {
  const open = (retryAt: number): Known => known({ status: { state: "circuit-open", retryAt } });
  assert.equal(countsDown(open(1001), NOW_S), true);
  assert.equal(countsDown(open(999), NOW_S), false);
  assert.equal(countsDown(known(), NOW_S), false);
});

for (const params of [undefined, null, 3, {}, { state: "new-one" }]) {
  test(`${JSON.stringify(params)} is no status`, () => assert.equal(parseStatus(params), undefined));
}
