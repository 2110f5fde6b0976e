/** Why the daemon doesn't run, in words, with the next step. One message, whatever went wrong. */

import type { Candidate } from "./daemonSearch.ts";

export type Step = "install" | "settings" | "log" | "retry";

export interface Failure {
  readonly message: string;
  readonly steps: readonly Step[];
}

export const NEXT_STEPS: Readonly<Record<Step, string>> = {
  install: "Install…",
  settings: "Open settings",
  log: "Show log",
  retry: "Try again",
};

/** Nothing was found at any of the places. */
export function notFound(setting: string): Failure {
  if (setting.trim() !== "") {
    return {
      message: `Cerebrum: there is no program at ${setting.trim()}, which cerebrum.server.path names.`,
      steps: ["settings", "install"],
    };
  }
  return {
    message:
      "Cerebrum: its daemon, cerebrum-lsp, is not installed: it is neither in the active Python " +
      "environment nor among the programs of pipx, uv or PATH.",
    steps: ["install", "settings"],
  };
}

/** It was found, but ended, or said nothing that one could work with. */
export function wouldNotStart(found: Candidate, reason: string, lastWords: string): Failure {
  const words = lastLine(lastWords);
  return {
    message: `Cerebrum: ${found.path} (${found.origin}) ${reason}${words === "" ? "" : `: ${words}`}.`,
    steps: ["log", "retry", "settings"],
  };
}

/** The last line that says something, without its end mark, short enough for a message. */
function lastLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return (lines.at(-1) ?? "").replace(/\.$/, "").slice(0, 200);
}
