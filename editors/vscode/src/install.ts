/** Installs the daemon in a task that one can watch and stop. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { type Installer, installers } from "./core/installers.ts";
import { onPath, ownEnvironment } from "./locate.ts";

/** Lets the user choose a way and takes it. Returns whether the daemon is installed now. */
export async function install(context: vscode.ExtensionContext): Promise<boolean> {
  const ways = await waysToInstall(context);
  const [only] = ways;
  if (only === undefined) {
    void vscode.window.showErrorMessage(
      "Cerebrum: neither uv, pipx nor Python was found. Install Python 3.11 or later, and try again.",
    );
    return false;
  }
  const chosen = await vscode.window.showQuickPick(ways, { title: "Install Cerebrum's daemon, cerebrum-lsp" });
  if (chosen === undefined) return false;
  for (const step of chosen.steps) if (!(await run(step))) return false;
  return true;
}

async function waysToInstall(context: vscode.ExtensionContext): Promise<Installer[]> {
  const folder = context.asAbsolutePath("daemon");
  const [wheel] = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".whl"));
  if (wheel === undefined) return [];
  const [uv, pipx, python] = await Promise.all([onPath("uv"), onPath("pipx"), onPath("python3", "python")]);
  return installers({ uv, pipx, python }, join(folder, wheel), ownEnvironment(context), process.platform === "win32");
}

/** Runs one step; returns whether it went well. */
async function run([program = "", ...argv]: readonly string[]): Promise<boolean> {
  const execution = new vscode.ProcessExecution(program, argv);
  const task = new vscode.Task({ type: "cerebrum" }, vscode.TaskScope.Global, "install the daemon", "Cerebrum", execution);
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, clear: false };
  return (await exitStatus(task)) === 0;
}

/** Runs a task to its end, which may come before its start is told; undefined if it never ran. */
async function exitStatus(task: vscode.Task): Promise<number | undefined> {
  const statuses = new Map<vscode.TaskExecution, number | undefined>();
  const ended = new Set<vscode.TaskExecution>();
  const news = new vscode.EventEmitter<void>();
  const listeners = [
    vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => statuses.set(execution, exitCode)),
    vscode.tasks.onDidEndTask(({ execution }) => {
      ended.add(execution);
      news.fire();
    }),
    news,
  ];
  try {
    const started = await vscode.tasks.executeTask(task);
    while (!ended.has(started)) await new Promise<void>((resolve) => news.event(resolve));
    return statuses.get(started);
  } finally {
    for (const listener of listeners) listener.dispose();
  }
}
