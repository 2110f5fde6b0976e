/** The daemon's process and the client that speaks with it: started, watched, started again. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import * as vscode from "vscode";
import { CloseAction, ErrorAction, LanguageClient, type Middleware, RevealOutputChannelOn } from "vscode-languageclient/node";
import { type Failure, notFound, wouldNotStart } from "./core/startFailure.ts";
import type { Candidate } from "./core/daemonSearch.ts";
import { SELECTOR } from "./completions.ts";
import { Restarts } from "./core/restarts.ts";
import type { Launch } from "./settings.ts";

const GONE_WITHIN_MS = 2_000;
/** Importing everything from a Pi's cold SD card takes half of that. */
const ANSWERS_WITHIN_MS = 30_000;
const LAST_WORDS_WITHIN_MS = 1_000;
const LAST_WORDS_LINES = 20;

export type Condition =
  | { readonly is: "stopped" | "starting" | "running" }
  | { readonly is: "failed"; readonly failure: Failure };


/** One run of the process. */
interface Run {
  readonly client: LanguageClient;
  readonly child: ChildProcess;
  readonly begunAt: number;
  readonly lastWords: string[];
  hasAnswered: boolean;
}

/** Writes to the log what the library would also pop up: one message on a failure is ours. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Daemon implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<Condition>();
  private readonly handlers = new Map<string, (params: unknown) => void>();
  private readonly restarts = new Restarts();
  private run: Run | undefined;
  private waiting: NodeJS.Timeout | undefined;
  private turn: Promise<void> = Promise.resolve();
  condition: Condition = { is: "stopped" };
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly log: vscode.LogOutputChannel,
    private readonly middleware: Middleware,
    private readonly locate: () => Promise<{ found: Candidate | undefined; setting: string }>,
    private readonly launch: () => Promise<Launch>,
  ) {}

  /** The client of the running daemon. */
  get client(): LanguageClient | undefined {
    return this.condition.is === "running" ? this.run?.client : undefined;
  }

  /** Has `handler` called for each notification of this name, of this and of all later runs. */
  onNotification(method: string, handler: (params: unknown) => void): void {
    this.handlers.set(method, handler);
  }

  /**
   * Has the daemon carry out one of its commands.
   *
   * Returns its answer, undefined when it does not run or does not know the command; both are said.
   */
  async command<T>(name: string, ...argv: readonly unknown[]): Promise<T | undefined> {
    if (this.client === undefined) {
      void vscode.window.showWarningMessage("Cerebrum: the daemon does not run; its log says more.");
      return undefined;
    }
    try {
      return await this.client.sendRequest<T>("workspace/executeCommand", { command: name, arguments: argv });
    } catch (error) {
      void vscode.window.showWarningMessage(`Cerebrum: ${name} failed: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Starts it, or ends it first if it runs; returns when it answers or has failed. */
  restart(): Promise<void> {
    this.restarts.reset();
    return this.inTurn(async () => {
      await this.end();
      await this.begin();
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.end());
  }

  dispose(): void {
    void this.stop();
    this.changed.dispose();
  }

  /** Starts and ends come one after the other, however fast they are asked for. */
  private inTurn(action: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(action).catch((error: unknown) => this.log.error(String(error)));
    return this.turn;
  }

  private async begin(): Promise<void> {
    this.become({ is: "starting" });
    const { found, setting } = await this.locate();
    if (found === undefined) {
      this.become({ is: "failed", failure: notFound(setting) });
      return;
    }
    this.log.info(`starting ${found.path} (${found.origin})`);
    const launch = await this.launch();
    const child = spawn(found.path, ["--stdio"], { env: { ...process.env, ...launch.environment } });
    const ended = whyEnded(child);
    const lastWords: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      this.log.info(line);
      lastWords.push(line);
      if (lastWords.length > LAST_WORDS_LINES) lastWords.shift();
    });
    const client = this.newClient(child, launch, () => this.onClosed(child));
    const run: Run = { client, child, begunAt: Date.now(), lastWords, hasAnswered: false };
    this.run = run;
    try {
      await Promise.race([client.start(), ended]);
      run.hasAnswered = true;
      this.become({ is: "running" });
    } catch (error) {
      this.run = undefined;
      const reason = await Promise.race([ended.catch(messageOf), soon(messageOf(error))]);
      child.kill();
      this.become({ is: "failed", failure: wouldNotStart(found, reason, lastWords.join("\n")) });
    }
  }

  private newClient(child: ChildProcess, launch: Launch, onClosed: () => void): LanguageClient {
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error("the process has no pipes");
    const client = new QuietClient(
      "cerebrum",
      "Cerebrum",
      () => Promise.resolve({ reader: stdout, writer: stdin }),
      {
        documentSelector: SELECTOR,
        initializationOptions: launch.options,
        outputChannel: this.log,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        diagnosticCollectionName: "cerebrum",
        middleware: this.middleware,
        initializationFailedHandler: () => false,
        errorHandler: {
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          closed: () => {
            onClosed();
            return { action: CloseAction.DoNotRestart, handled: true };
          },
        },
      },
    );
    for (const [method, handler] of this.handlers) client.onNotification(method, handler);
    return client;
  }

  /** The pipes are closed: it has died, since an end that was asked for comes another way. */
  private onClosed(child: ChildProcess): void {
    const run = this.run;
    if (run === undefined || run.child !== child || !run.hasAnswered) return;
    this.run = undefined;
    child.kill();
    const wait = this.restarts.onDeath((Date.now() - run.begunAt) / 1000);
    this.log.warn(`the daemon has ended; ${wait === undefined ? "given up" : `again in ${wait} s`}`);
    if (wait === undefined) {
      const found = { origin: "setting" as const, path: child.spawnfile };
      const failure = wouldNotStart(found, "ended again and again", run.lastWords.join("\n"));
      this.become({ is: "failed", failure });
      return;
    }
    this.become({ is: "starting" });
    this.waiting = setTimeout(() => void this.inTurn(() => this.begin()), wait * 1000);
  }

  private async end(): Promise<void> {
    clearTimeout(this.waiting);
    const run = this.run;
    this.run = undefined;
    this.become({ is: "stopped" });
    if (run === undefined) return;
    await run.client.stop(GONE_WITHIN_MS).catch(() => undefined); // killed below, whatever it said
    run.child.kill();
    await run.client.dispose().catch(() => undefined);
  }

  private become(condition: Condition): void {
    this.condition = condition;
    this.changed.fire(condition);
  }
}

/** Rejects, with the reason in words, when a process can't be started, ends, or is late to answer. */
function whyEnded(child: ChildProcess): Promise<never> {
  const ended = new Promise<never>((_, reject) => {
    const late = setTimeout(() => reject(new Error(`gave no answer within ${ANSWERS_WITHIN_MS / 1000} s`)), ANSWERS_WITHIN_MS);
    child.once("error", (error) => reject(new Error(`can't be started (${error.message})`)));
    child.once("close", () => {
      clearTimeout(late);
      reject(new Error("has ended"));
    });
  });
  ended.catch(() => undefined); // after the start, an end is dealt with where the pipes close
  return ended;
}

/** What went wrong on the pipes is said only if the process itself does not say more by then. */
function soon(reason: string): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve(reason), LAST_WORDS_WITHIN_MS));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
