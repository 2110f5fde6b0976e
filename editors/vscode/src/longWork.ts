/** Work that the daemon tells of and that can be stopped: a notification with a button for it. */

import * as vscode from "vscode";
import type { Middleware, ProgressToken } from "vscode-languageclient/node";

interface Shown {
  readonly report: (message: string | undefined) => void;
  readonly end: () => void;
}

/** The client itself shows all work in the status bar, where nothing can be stopped. */
export class LongWork {
  private readonly shown = new Map<ProgressToken, Shown>();

  constructor(private readonly stop: (token: ProgressToken) => void) {}

  readonly onProgress: NonNullable<Middleware["handleWorkDoneProgress"]> = (token, params, next) => {
    const shown = this.shown.get(token);
    if (params.kind === "begin" && params.cancellable === true) this.begin(token, params.title);
    else if (params.kind === "report" && shown !== undefined) shown.report(params.message);
    else next(token, params); // so that it forgets what has ended
    if (params.kind === "end") this.end(token);
  };

  /** The daemon has ended, and tells of no end any more. */
  endAll(): void {
    for (const token of [...this.shown.keys()]) this.end(token);
  }

  private begin(token: ProgressToken, title: string): void {
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    const messages: (string | undefined)[] = [];
    let report = (message: string | undefined): void => void messages.push(message);
    const ended = new Promise<void>((resolve) => this.shown.set(token, { report: (message) => report(message), end: resolve }));
    void vscode.window.withProgress(options, (progress, cancellation) => {
      report = (message) => progress.report(message === undefined ? {} : { message });
      messages.forEach(report);
      cancellation.onCancellationRequested(() => this.stop(token));
      return ended;
    });
  }

  private end(token: ProgressToken): void {
    this.shown.get(token)?.end();
    this.shown.delete(token);
  }
}
