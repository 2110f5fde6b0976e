/** The status bar item; what it says is decided in `core/statusText.ts`. */

import * as vscode from "vscode";
import { countsDown, type Known, statusView } from "./core/statusText.ts";

const BACKGROUNDS = {
  normal: undefined,
  warning: new vscode.ThemeColor("statusBarItem.warningBackground"),
  error: new vscode.ThemeColor("statusBarItem.errorBackground"),
};

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("state", vscode.StatusBarAlignment.Right, 100);
  private tick: NodeJS.Timeout | undefined;

  constructor(private readonly known: () => Known) {
    this.item.name = "Cerebrum";
    this.item.command = "cerebrum.showMenu";
    this.item.show();
  }

  /** Shows what is known now, and keeps a countdown going. */
  update(): void {
    clearTimeout(this.tick);
    const known = this.known();
    const now = Date.now() / 1000;
    const { text, tooltip, tone } = statusView(known, now);
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.backgroundColor = BACKGROUNDS[tone];
    if (countsDown(known, now)) this.tick = setTimeout(() => this.update(), 1000);
  }

  dispose(): void {
    clearTimeout(this.tick);
    this.item.dispose();
  }
}
