/** What the status bar item's menu offers, in the order in which it is likely wanted. */

import type { Known } from "./statusText.ts";
import { isOnFor, type Switches } from "./switches.ts";

export interface Entry {
  readonly label: string;
  readonly description?: string;
  readonly command: string;
  readonly argument?: string;
}

/** Returns the menu; the commands are those of `package.json`. */
export function menu(known: Known, switches: Switches): Entry[] {
  const entries: Entry[] = [];
  if (known.daemon === "failed") entries.push({ label: "$(cloud-download) Install the daemon…", command: "cerebrum.installDaemon" });
  if (known.pool?.state === "unauthorized") entries.push({ label: "$(key) Set the pool's key…", command: "cerebrum.setPoolKey" });
  entries.push({ label: "$(question) Why no completion?", command: "cerebrum.showWhy" });
  entries.push(...switchEntries(known, switches));
  const model = known.pool?.model;
  entries.push(
    {
      label: "$(chip) Select model…",
      ...(model === undefined ? {} : { description: model }),
      command: "cerebrum.chooseModel",
    },
    { label: "$(dashboard) Open dashboard", command: "cerebrum.openDashboard" },
    { label: "$(debug-restart) Restart", description: "the daemon, and this user's local pool", command: "cerebrum.restart" },
    { label: "$(output) Show log", command: "cerebrum.showLog" },
    { label: "$(gear) Settings", command: "cerebrum.openSettings" },
  );
  return entries;
}

function switchEntries(known: Known, switches: Switches): Entry[] {
  const session = switches.session ?? switches.enabled;
  const entries: Entry[] = [
    toggle(session, "for this session", "cerebrum.toggleSession"),
    toggle(switches.enabled, "everywhere", "cerebrum.toggle"),
  ];
  if (known.language !== undefined) {
    const isOn = isOnFor(switches, known.language);
    entries.push({ ...toggle(isOn, `for ${known.language}`, "cerebrum.toggleLanguage"), argument: known.language });
  }
  return entries;
}

function toggle(isOn: boolean, scope: string, command: string): Entry {
  return { label: isOn ? `$(circle-slash) Switch off ${scope}` : `$(sparkle) Switch on ${scope}`, command };
}
