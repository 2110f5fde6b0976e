/** The extension: its parts wired together. What they decide is in `core/`, without an editor. */

import * as vscode from "vscode";
import { WorkDoneProgressCancelNotification } from "vscode-languageclient/node";
import { registerCommands } from "./commands.ts";
import { Completions } from "./completions.ts";
import { parseStatus, type PoolStatus } from "./core/poolStatus.ts";
import { NEXT_STEPS, type Step } from "./core/startFailure.ts";
import type { Known } from "./core/statusText.ts";
import { offBecause } from "./core/switches.ts";
import { type Condition, Daemon } from "./daemon.ts";
import { locate } from "./locate.ts";
import { LongWork } from "./longWork.ts";
import { launch, NEEDS_RESTART, SECTION, switches, withoutIndexIfUntrusted } from "./settings.ts";
import { StatusBar } from "./statusBar.ts";

const STEP_COMMANDS: Readonly<Record<Step, string>> = {
  install: "cerebrum.installDaemon",
  settings: "cerebrum.openSettings",
  log: "cerebrum.showLog",
  retry: "cerebrum.restart",
};

/** What is switched for this session only. */
export interface Session {
  enabled: boolean | undefined;
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("Cerebrum", { log: true });
  const session: Session = { enabled: undefined };
  let pool: PoolStatus | undefined;

  const completions = new Completions();
  const work = new LongWork((token) => void daemon.client?.sendNotification(WorkDoneProgressCancelNotification.type, { token }));
  const daemon: Daemon = new Daemon(
    log,
    {
      provideInlineCompletionItems: completions.provide,
      handleWorkDoneProgress: work.onProgress,
      workspace: {
        configuration: async (params, token, next) => {
          const sections = await next(params, token);
          return Array.isArray(sections) ? sections.map((each: object) => withoutIndexIfUntrusted(each)) : sections;
        },
      },
    },
    () => locate(context),
    () => launch(context.secrets),
  );
  const known = (): Known => {
    const language = vscode.window.activeTextEditor?.document.languageId;
    const { condition } = daemon;
    return {
      daemon: condition.is,
      failure: condition.is === "failed" ? condition.failure.message : undefined,
      pool,
      off: offBecause(switches(session.enabled), language),
      language,
    };
  };
  const statusBar = new StatusBar(known);

  daemon.onNotification("cerebrum/inlineCompletionProgress", (params) => completions.onGrowth(params));
  daemon.onNotification("cerebrum/status", (params) => {
    pool = parseStatus(params) ?? pool;
    statusBar.update();
  });
  context.subscriptions.push(
    log,
    completions,
    daemon,
    statusBar,
    daemon.onDidChange((condition) => {
      if (condition.is !== "running") {
        pool = undefined;
        work.endAll();
      }
      statusBar.update();
      void vscode.commands.executeCommand("setContext", "cerebrum.isRunning", condition.is === "running");
      void onCondition(condition, daemon, session);
    }),
    vscode.window.onDidChangeActiveTextEditor(() => statusBar.update()),
    vscode.workspace.onDidGrantWorkspaceTrust(() => void daemon.restart()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (NEEDS_RESTART.some((name) => event.affectsConfiguration(name))) void daemon.restart();
      if (event.affectsConfiguration(SECTION)) statusBar.update();
    }),
  );
  registerCommands({ context, daemon, completions, session, log, known, refresh: () => statusBar.update() });
  await daemon.restart();
}

/** Tells of a failure once, with what can be done; a daemon that runs learns of the session. */
async function onCondition(condition: Condition, daemon: Daemon, session: Session): Promise<void> {
  if (condition.is === "running" && session.enabled !== undefined) {
    await daemon.command("cerebrum.setEnabled", session.enabled);
  }
  if (condition.is !== "failed") return;
  const { message, steps } = condition.failure;
  const chosen = await vscode.window.showErrorMessage(message, ...steps.map((step) => NEXT_STEPS[step]));
  const step = steps.find((each) => NEXT_STEPS[each] === chosen);
  if (step !== undefined) await vscode.commands.executeCommand(STEP_COMMANDS[step]);
}
