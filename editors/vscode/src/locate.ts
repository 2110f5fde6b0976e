/** Finds the daemon on this machine. */

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import * as vscode from "vscode";
import { type Candidate, candidates, choose } from "./core/daemonSearch.ts";
import { serverPath } from "./settings.ts";

const IS_WINDOWS = process.platform === "win32";

/** The part of the Python extension's interface that is used here. */
interface PythonExtension {
  readonly environments: {
    getActiveEnvironmentPath(): { readonly path: string };
  };
}

/** Where this extension installs a daemon of its own. */
export function ownEnvironment(context: vscode.ExtensionContext): string {
  return join(context.globalStorageUri.fsPath, "daemon");
}

export function programsOf(environment: string): string {
  return join(environment, IS_WINDOWS ? "Scripts" : "bin");
}

/** Returns the daemon to start, and the path that is set, if one is. */
export async function locate(context: vscode.ExtensionContext): Promise<{ found: Candidate | undefined; setting: string }> {
  const setting = serverPath();
  const all = candidates({
    setting,
    pythonFolders: await pythonFolders(),
    ownFolder: programsOf(ownEnvironment(context)),
    environment: process.env,
    home: homedir(),
    isWindows: IS_WINDOWS,
  });
  return { found: await choose(all, isExecutable), setting };
}

/** Returns the first program of this name on PATH. */
export async function onPath(...names: readonly string[]): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(IS_WINDOWS ? ";" : ":");
  for (const name of names) {
    for (const folder of [...folders, join(homedir(), ".local", "bin")]) {
      const path = join(folder, IS_WINDOWS ? `${name}.exe` : name);
      if (folder !== "" && (await isExecutable(path))) return path;
    }
  }
  return undefined;
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/**
 * Returns where the active Python environment keeps its programs: the one that was selected, or
 * that the editor was started in, or the workspace's own.
 *
 * Such an environment may come with a workspace, and so may what is in it: only if that is trusted.
 */
async function pythonFolders(): Promise<string[]> {
  if (!vscode.workspace.isTrusted) return [];
  const folders: string[] = [];
  const python = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
  if (python !== undefined) {
    const { environments } = await python.activate();
    folders.push(dirname(environments.getActiveEnvironmentPath().path));
  }
  const active = process.env["VIRTUAL_ENV"];
  if (active !== undefined) folders.push(programsOf(active));
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    if (folder.uri.scheme === "file") folders.push(programsOf(join(folder.uri.fsPath, ".venv")));
  }
  return folders;
}
