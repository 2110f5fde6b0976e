/** The commands of `package.json`. */

import * as vscode from "vscode";
import type { Completions } from "./completions.ts";
import { menu } from "./core/menu.ts";
import type { Known } from "./core/statusText.ts";
import { isOnFor, pushed } from "./core/switches.ts";
import { type Outcome, whyPage } from "./core/why.ts";
import type { Daemon } from "./daemon.ts";
import type { Session } from "./extension.ts";
import { install } from "./install.ts";
import { askForKey, switchEverywhere, switches, switchLanguage } from "./settings.ts";

const HIDE = "editor.action.inlineSuggest.hide";
const WHY_SCHEME = "cerebrum-why";

/** What the commands act on. */
export interface Desk {
  readonly context: vscode.ExtensionContext;
  readonly daemon: Daemon;
  readonly completions: Completions;
  readonly session: Session;
  readonly log: vscode.LogOutputChannel;
  readonly known: () => Known;
  readonly refresh: () => void;
}

/** What `cerebrum.selectModel` answers. */
interface Models {
  readonly selected: string | null;
  readonly models: readonly { readonly name: string; readonly nodes: readonly string[]; readonly loaded: boolean }[];
  readonly message: string | null;
}

export function registerCommands(desk: Desk): void {
  const { context, daemon, log } = desk;
  const why = new WhyPage(daemon);
  const commands: Record<string, (argument?: unknown) => unknown> = {
    "cerebrum.showMenu": () => showMenu(desk),
    "cerebrum.toggle": () => toggle(desk),
    "cerebrum.toggleLanguage": (language) => toggleLanguage(language),
    "cerebrum.toggleSession": () => toggleSession(desk),
    "cerebrum.chooseModel": () => chooseModel(desk),
    "cerebrum.showWhy": () => why.show(),
    "cerebrum.openDashboard": () => openDashboard(desk),
    "cerebrum.restart": () => restart(desk),
    "cerebrum.showLog": () => log.show(),
    "cerebrum.setPoolKey": async () => (await askForKey(context.secrets)) && daemon.restart(),
    "cerebrum.installDaemon": async () => (await install(context)) && daemon.restart(),
    "cerebrum.openSettings": () => vscode.commands.executeCommand("workbench.action.openSettings", "@ext:cerebrum.cerebrum"),
    "cerebrum.openWalkthrough": () =>
      vscode.commands.executeCommand("workbench.action.openWalkthrough", "cerebrum.cerebrum#start", false),
    "cerebrum.askInstruction": (ticket) => askInstruction(desk, ticket),
    "cerebrum.dismiss": () => {
      desk.completions.dismiss();
      return vscode.commands.executeCommand(HIDE);
    },
  };
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(WHY_SCHEME, why),
    ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
  );
}

async function showMenu(desk: Desk): Promise<void> {
  const entries = menu(desk.known(), switches(desk.session.enabled));
  const chosen = await vscode.window.showQuickPick(entries, { title: "Cerebrum" });
  if (chosen !== undefined) await vscode.commands.executeCommand(chosen.command, chosen.argument);
}

/** The light bulb's free instruction: the words come from the user, the rest from the daemon's offer. */
async function askInstruction(desk: Desk, ticket: unknown): Promise<void> {
  if (typeof ticket !== "object" || ticket === null) return;
  const words = await vscode.window.showInputBox({
    title: "Cerebrum: change the selection",
    prompt: "What is to be done with it?",
    ignoreFocusOut: true,
  });
  if (words !== undefined && words.trim() !== "") await desk.daemon.command("cerebrum.act", { ...ticket, words });
}

async function toggleLanguage(given: unknown): Promise<void> {
  const language = typeof given === "string" ? given : vscode.window.activeTextEditor?.document.languageId;
  if (language !== undefined) await switchLanguage(language, !isOnFor(switches(undefined), language));
}

/** For everybody, and so for this session, whatever was said of that before. */
async function toggle(desk: Desk): Promise<void> {
  if (desk.session.enabled !== undefined) await switchSession(desk, undefined);
  await switchEverywhere(!switches(undefined).enabled);
}

async function toggleSession(desk: Desk): Promise<void> {
  await switchSession(desk, pushed(switches(desk.session.enabled)));
}

async function switchSession(desk: Desk, enabled: boolean | undefined): Promise<void> {
  desk.session.enabled = enabled;
  desk.refresh();
  await desk.daemon.command("cerebrum.setEnabled", enabled ?? null);
}

async function chooseModel(desk: Desk): Promise<void> {
  const known = await desk.daemon.command<Models>("cerebrum.selectModel");
  if (known === undefined) return;
  const entries = [
    { label: "$(sparkle) The pool decides", name: null, description: known.selected === null ? "selected" : "" },
    ...known.models.map(({ name, nodes, loaded }) => ({
      label: name,
      name,
      description: known.selected === name ? "selected" : loaded ? "loaded" : "",
      detail: nodes.join(", "),
    })),
  ];
  const chosen = await vscode.window.showQuickPick(entries, { title: "Cerebrum: the model for this session" });
  if (chosen === undefined) return;
  const answer = await desk.daemon.command<Models>("cerebrum.selectModel", chosen.name);
  if (answer?.message) void vscode.window.showWarningMessage(`Cerebrum: ${answer.message}`);
}

async function openDashboard(desk: Desk): Promise<void> {
  const status = await desk.daemon.command<{ pool: { url: string | null } }>("cerebrum.status");
  const url = status?.pool.url;
  if (url) await vscode.env.openExternal(vscode.Uri.parse(`${url}/dashboard`));
  else void vscode.window.showWarningMessage("Cerebrum: there is no pool, so there is no dashboard.");
}

/** A pool that hangs must not keep the daemon from being started again. */
async function restart(desk: Desk): Promise<void> {
  const work = async (): Promise<void> => {
    if (desk.daemon.client !== undefined) await desk.daemon.command("cerebrum.restartPool");
    await desk.daemon.restart();
  };
  await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: "Cerebrum restarts" }, work);
}

/** The page that tells what became of the last requests. */
class WhyPage implements vscode.TextDocumentContentProvider {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly uri = vscode.Uri.parse(`${WHY_SCHEME}:Why no completion.md`);
  private page = "";
  readonly onDidChange = this.changed.event;

  constructor(private readonly daemon: Daemon) {}

  provideTextDocumentContent(): string {
    return this.page;
  }

  async show(): Promise<void> {
    const outcomes = await this.daemon.command<Outcome[]>("cerebrum.whyNoCompletion");
    if (outcomes === undefined) return;
    this.page = whyPage(outcomes);
    this.changed.fire(this.uri);
    await vscode.commands.executeCommand("markdown.showPreviewToSide", this.uri);
  }
}
