/** The status bar item: from all that is known to a few words. */

import type { PoolState, PoolStatus } from "./poolStatus.ts";

export interface Known {
  readonly daemon: "stopped" | "starting" | "running" | "failed";
  /** Why it does not run, when it has failed. */
  readonly failure: string | undefined;
  readonly pool: PoolStatus | undefined;
  /** Whether and by what completions are switched off for the file that is shown. */
  readonly off: "session" | "everywhere" | "language" | undefined;
  readonly language: string | undefined;
}

export interface View {
  readonly text: string;
  readonly tooltip: string;
  readonly tone: "normal" | "warning" | "error";
}

const WORDS: Readonly<Record<PoolState, { icon: string; words: string; tone: View["tone"] }>> = {
  ready: { icon: "$(sparkle)", words: "", tone: "normal" },
  busy: { icon: "$(loading~spin)", words: "", tone: "normal" },
  loading: { icon: "$(loading~spin)", words: "loading", tone: "normal" },
  "load-shed": { icon: "$(clock)", words: "no room", tone: "normal" },
  "circuit-open": { icon: "$(debug-disconnect)", words: "circuit open", tone: "warning" },
  "no-node": { icon: "$(debug-disconnect)", words: "no node", tone: "warning" },
  unauthorized: { icon: "$(key)", words: "wrong key", tone: "error" },
};

const OFF = {
  session: "off for this session",
  everywhere: "off",
  language: "off for this language",
} as const;

/** Returns what to show; `nowS` in seconds since 1970. */
export function statusView(known: Known, nowS: number): View {
  switch (known.daemon) {
    case "failed":
      return view("$(error)", "not running", known.failure ?? "The daemon does not run.", "error");
    case "stopped":
      return view("$(circle-slash)", "stopped", "The daemon does not run.", "normal");
    case "starting":
      return view("$(loading~spin)", "starting", "The daemon is starting.", "normal");
    case "running":
      break;
  }
  const { pool } = known;
  if (known.off !== undefined) {
    const whose = known.off === "language" ? `off for ${known.language ?? "this language"}` : OFF[known.off];
    return view("$(circle-slash)", whose, `Completions are ${whose}.`, "normal");
  }
  if (pool === undefined) return view("$(loading~spin)", "connecting", "Looking for the pool.", "normal");
  const { icon, words, tone } = WORDS[pool.state];
  const name = pool.state === "loading" && pool.model !== undefined ? `${words} ${pool.model}` : words;
  return view(icon, name + again(pool, nowS), tooltip(pool), tone);
}

/** Returns whether the text changes by itself as time goes by. */
export function countsDown(known: Known, nowS: number): boolean {
  return known.daemon === "running" && known.off === undefined && again(known.pool, nowS) !== "";
}

function again(pool: PoolStatus | undefined, nowS: number): string {
  if (pool?.retryAtS === undefined || pool.state === "ready" || pool.state === "busy") return "";
  const left = Math.ceil(pool.retryAtS - nowS);
  if (left <= 0) return "";
  return left < 60 ? `, ${left} s` : `, ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} min`;
}

function tooltip(pool: PoolStatus): string {
  const nodes = pool.nodes.map((node) => {
    const model = node.model === undefined ? "" : `, ${node.model}`;
    const reason = node.reason === undefined ? "" : ` (${node.reason})`;
    return `${node.name}: ${node.state}${model}${reason}`;
  });
  return [pool.message, ...nodes].join("\n");
}

function view(icon: string, words: string, tooltipText: string, tone: View["tone"]): View {
  const text = words === "" ? `${icon} Cerebrum` : `${icon} Cerebrum: ${words}`;
  return { text, tooltip: tooltipText, tone };
}
