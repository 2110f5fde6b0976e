/** The user's settings, as the daemon and this extension want them. */

import * as vscode from "vscode";
import type { Switches } from "./core/switches.ts";

export const SECTION = "cerebrum";
const KEY_SECRET = "cerebrum.pool.key";

/** A change of one of these needs another process: they are given to it at its start. */
export const NEEDS_RESTART = ["pool.url", "pool.localModel", "server.path", "server.logLevel", "growing"].map(
  (name) => `${SECTION}.${name}`,
);

/** What a daemon is started with. */
export interface Launch {
  readonly environment: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * Returns what a daemon is to be started with.
 *
 * The address and the key go by the environment, where no workspace can reach them. Without an
 * address the environment of the editor itself decides.
 */
export async function launch(secrets: vscode.SecretStorage): Promise<Launch> {
  const settings = vscode.workspace.getConfiguration(SECTION);
  const url = settings.get("pool.url", "").trim();
  const key = url === "" ? undefined : await secrets.get(KEY_SECRET);
  const model = settings.get("pool.localModel", "").trim();
  return {
    environment: {
      CEREBRUM_LOG_LEVEL: settings.get("server.logLevel", "INFO"),
      ...(url === "" ? {} : { CEREBRUM_ORCHESTRATOR_URL: url, CEREBRUM_ORCHESTRATOR_KEY: key ?? "" }),
      ...(model === "" ? {} : { CEREBRUM_MODEL: model }),
    },
    options: {
      asksForInstructions: true,
      growingCompletions: settings.get("growing") !== "whole",
      ...withoutIndexIfUntrusted({}),
    },
  };
}

/** Returns the section as the daemon is to see it: no index of a workspace that is not trusted. */
export function withoutIndexIfUntrusted(section: object): object {
  return vscode.workspace.isTrusted ? section : { ...section, workspaceContext: false };
}

export function serverPath(): string {
  return vscode.workspace.getConfiguration(SECTION).get("server.path", "");
}

export function switches(session: boolean | undefined): Switches {
  const settings = vscode.workspace.getConfiguration(SECTION);
  return { enabled: settings.get("enabled", true), languages: settings.get("languages", {}), session };
}

export async function switchEverywhere(isOn: boolean): Promise<void> {
  await vscode.workspace.getConfiguration(SECTION).update("enabled", isOn, vscode.ConfigurationTarget.Global);
}

export async function switchLanguage(language: string, isOn: boolean): Promise<void> {
  const settings = vscode.workspace.getConfiguration(SECTION);
  const languages = { ...settings.inspect<Record<string, boolean>>("languages")?.globalValue, [language]: isOn };
  await settings.update("languages", languages, vscode.ConfigurationTarget.Global);
}

/** Asks for the pool's key, and keeps it in the secret storage. Returns whether it was changed. */
export async function askForKey(secrets: vscode.SecretStorage): Promise<boolean> {
  const key = await vscode.window.showInputBox({
    title: "Cerebrum: the pool's key",
    prompt: "It is kept in the editor's secret storage. Leave it empty to forget the one that is kept.",
    password: true,
    ignoreFocusOut: true,
  });
  if (key === undefined) return false;
  await (key === "" ? secrets.delete(KEY_SECRET) : secrets.store(KEY_SECRET, key));
  return true;
}
