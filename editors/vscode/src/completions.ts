/**
 * Inline completions: the server's answers, growing in place as more of them comes.
 *
 * VS Code asks once for a place and a version, and then keeps the answer: told to ask again, it
 * would do nothing, or put what it has already before what is new. But it does ask one provider by
 * name that it has not asked yet, and lets the older text stand until the answer is there, so that
 * nothing flickers. So what has grown is offered by a provider of its own, registered anew each time.
 */

import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { GhostText, type Place } from "./core/ghostText.ts";

const TRIGGER = "editor.action.inlineSuggest.trigger";
/** To ask the newest provider of this extension, and no other. */
const NEWEST_OF_OURS = { explicit: false, providerId: "cerebrum.cerebrum:*" };
const HIDE = "editor.action.inlineSuggest.hide";

/** The documents of which the daemon is told. */
export const SELECTOR = [{ scheme: "file" }, { scheme: "untitled" }];

/** `cerebrum/inlineCompletionProgress`. */
interface Growth {
  readonly uri: string;
  readonly version: number | null;
  readonly position: { readonly line: number; readonly character: number };
  readonly replaceTo: { readonly line: number; readonly character: number };
  readonly text: string;
  readonly done: boolean;
}

/** One time that VS Code is made to ask for a text that has grown. */
interface Round {
  readonly document: vscode.TextDocument;
  readonly version: number;
  hasAsked: boolean;
  hasAskedAll: boolean;
  hasGrownMeanwhile: boolean;
}

type Provide = NonNullable<Middleware["provideInlineCompletionItems"]>;

export class Completions implements vscode.Disposable {
  private readonly ghosts = new Map<string, GhostText>();
  private readonly subscriptions: vscode.Disposable[] = [];
  /** How many requests the server has not answered yet. */
  private inFlight = 0;
  /** What is being shown of a text that has grown. */
  private round: Round | undefined;
  private grown: vscode.Disposable;

  constructor() {
    this.grown = this.registerGrown();
    this.subscriptions.push(
      vscode.workspace.onDidChangeTextDocument((event) => this.onEdit(event)),
      vscode.workspace.onDidCloseTextDocument((document) => this.ghosts.delete(document.uri.toString())),
    );
  }

  dispose(): void {
    vscode.Disposable.from(...this.subscriptions, this.grown).dispose();
  }

  readonly provide: Provide = async (document, position, context, token, next) => {
    const place = { version: document.version, offset: document.offsetAt(position) };
    const ghost = this.ghostOf(document);
    if (this.round !== undefined && this.isRoundOf(document)) {
      this.round.hasAskedAll = true;
      return []; // the other provider answers
    }
    const answer = await this.counted(async () => next(document, position, context, token));
    if (document.version !== place.version || token.isCancellationRequested) return [];
    const [item] = Array.isArray(answer) ? answer : (answer?.items ?? []);
    ghost.onOffer(place, item === undefined ? "" : textOf(item), replacedBy(document, place, item));
    const shown = this.itemAt(document, position, place);
    return shown === undefined ? [] : [shown];
  };

  /** More text has come: show it where the older one stands. */
  onGrowth(params: unknown): void {
    const growth = params as Growth;
    const document = vscode.workspace.textDocuments.find((each) => each.uri.toString() === uriOf(growth.uri));
    const ghost = document && this.ghosts.get(document.uri.toString());
    if (document === undefined || ghost === undefined || growth.version === null) return;
    const replaced = growth.replaceTo.character - growth.position.character;
    // An offset counted in a document that has changed since is still right: what was typed since
    // lies after it.
    const offset = document.offsetAt(new vscode.Position(growth.position.line, growth.position.character));
    if (ghost.onGrowth({ version: growth.version, offset }, growth.text, replaced)) this.refresh(document);
  }

  /** Forgets what is offered, so that nothing grows back after the user has sent it away. */
  dismiss(): void {
    for (const ghost of this.ghosts.values()) ghost.clear();
  }

  private refresh(document: vscode.TextDocument): void {
    // A request that waits brings the newest text by itself, and would be cancelled by this.
    if (this.inFlight > 0 || vscode.window.activeTextEditor?.document !== document) return;
    if (this.round !== undefined) {
      this.round.hasGrownMeanwhile = true;
      return;
    }
    void this.showGrown(document);
  }

  private async showGrown(document: vscode.TextDocument): Promise<void> {
    const round = { document, version: document.version, hasAsked: false, hasAskedAll: false, hasGrownMeanwhile: false };
    this.round = round;
    const older = this.grown;
    this.grown = this.registerGrown();
    await vscode.commands.executeCommand(TRIGGER, NEWEST_OF_OURS);
    older.dispose();
    if ((round.hasAskedAll || !round.hasAsked) && this.isRoundOf(document)) {
      // An older VS Code can't ask by name; there the text is away for a moment.
      await vscode.commands.executeCommand(HIDE);
      await vscode.commands.executeCommand(TRIGGER);
    }
    this.round = undefined;
    if (round.hasGrownMeanwhile) this.refresh(document);
  }

  private registerGrown(): vscode.Disposable {
    return vscode.languages.registerInlineCompletionItemProvider(SELECTOR, {
      provideInlineCompletionItems: (document, position) => {
        if (this.round === undefined || !this.isRoundOf(document)) return [];
        this.round.hasAsked = true;
        const place = { version: document.version, offset: document.offsetAt(position) };
        const item = this.itemAt(document, position, place);
        return item === undefined ? [] : [item];
      },
    });
  }

  private isRoundOf(document: vscode.TextDocument): boolean {
    return this.round?.document === document && this.round.version === document.version;
  }

  private onEdit(event: vscode.TextDocumentChangeEvent): void {
    const changes = event.contentChanges.map((change) => ({
      offset: change.rangeOffset,
      removed: change.rangeLength,
      inserted: change.text,
    }));
    this.ghosts.get(event.document.uri.toString())?.onEdit(event.document.version, changes);
  }

  private itemAt(document: vscode.TextDocument, position: vscode.Position, place: Place): vscode.InlineCompletionItem | undefined {
    const offer = this.ghosts.get(document.uri.toString())?.at(place);
    if (offer === undefined) return undefined;
    const end = document.positionAt(place.offset + offer.replaced);
    return new vscode.InlineCompletionItem(offer.text, new vscode.Range(position, end));
  }

  private async counted<T>(ask: () => Promise<T> | T): Promise<T> {
    this.inFlight++;
    try {
      return await ask();
    } finally {
      this.inFlight--;
    }
  }

  private ghostOf(document: vscode.TextDocument): GhostText {
    const uri = document.uri.toString();
    const known = this.ghosts.get(uri) ?? new GhostText();
    this.ghosts.set(uri, known);
    return known;
  }
}

function textOf(item: vscode.InlineCompletionItem): string {
  return typeof item.insertText === "string" ? item.insertText : item.insertText.value;
}

function replacedBy(document: vscode.TextDocument, place: Place, item: vscode.InlineCompletionItem | undefined): number {
  return item?.range === undefined ? 0 : document.offsetAt(item.range.end) - place.offset;
}

function uriOf(text: string): string {
  return vscode.Uri.parse(text).toString();
}
