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
  /** A text in it has grown while a request was in flight. */
  private grownMeanwhile: vscode.TextDocument | undefined;
  /** The version of each document that the daemon was asked about last. */
  private readonly asked = new WeakMap<vscode.TextDocument, number>();
  /** How to ask the daemon that runs. */
  private next: Parameters<Provide>[4] | undefined;
  /** What is being shown of a text that has grown. */
  private round: Round | undefined;
  /** Whether this VS Code has been seen to ask one provider and no other. */
  private canAskByName = false;
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
    this.next = next;
    if (this.round !== undefined && this.isRoundOf(document)) {
      this.round.hasAskedAll = true;
      return []; // the other provider answers
    }
    return this.ask(document, position, context, token, next);
  };

  /** Asks the daemon, and offers what it answers. */
  private async ask(...[document, position, context, token, next]: Parameters<Provide>): Promise<vscode.InlineCompletionItem[]> {
    const place = { version: document.version, offset: document.offsetAt(position) };
    const ghost = this.ghostOf(document);
    this.asked.set(document, document.version);
    const answer = await this.counted(async () => next(document, position, context, token));
    if (document.version !== place.version || token.isCancellationRequested) {
      this.showGrownMeanwhile();
      return [];
    }
    this.grownMeanwhile = undefined;
    const [item] = Array.isArray(answer) ? answer : (answer?.items ?? []);
    ghost.onOffer(place, item === undefined ? "" : textOf(item), replacedBy(document, place, item));
    return this.itemsAt(document, position);
  }

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
    if (vscode.window.activeTextEditor?.document !== document) return;
    if (this.inFlight > 0) {
      // A request that waits brings the newest text by itself, and would be cancelled by this.
      this.grownMeanwhile = document;
      return;
    }
    if (this.round !== undefined) {
      this.round.hasGrownMeanwhile = true;
      return;
    }
    void this.showGrown(document);
  }

  /** No answer was shown after all: if what had grown by then still stands, it is shown now. */
  private showGrownMeanwhile(): void {
    const document = this.grownMeanwhile;
    if (document === undefined || this.inFlight > 0) return;
    this.grownMeanwhile = undefined;
    if (this.ghostOf(document).isOffering(document.version)) this.refresh(document);
  }

  private async showGrown(document: vscode.TextDocument, isAgain = false): Promise<void> {
    const round = { document, version: document.version, hasAsked: false, hasAskedAll: false, hasGrownMeanwhile: false };
    this.round = round;
    const older = this.grown;
    this.grown = this.registerGrown();
    await vscode.commands.executeCommand(TRIGGER, NEWEST_OF_OURS);
    older.dispose();
    if (this.isRoundOf(document)) {
      this.canAskByName ||= round.hasAsked && !round.hasAskedAll;
      // All are asked by an older VS Code, which can't ask by name, but also after a key that came
      // meanwhile: once more, and it is known.
      const isDoubtful = round.hasAskedAll && !this.canAskByName;
      if (isDoubtful && round.hasAsked && !isAgain) return this.showGrown(document, true);
      if (isDoubtful || !round.hasAsked) {
        await vscode.commands.executeCommand(HIDE); // the text is away for a moment
        await vscode.commands.executeCommand(TRIGGER);
      }
    }
    this.round = undefined;
    if (round.hasGrownMeanwhile) this.refresh(document);
  }

  private registerGrown(): vscode.Disposable {
    return vscode.languages.registerInlineCompletionItemProvider(SELECTOR, {
      provideInlineCompletionItems: (document, position, context, token) => {
        if (this.round?.document !== document) return [];
        this.round.hasAsked = true;
        if (this.next === undefined || this.asked.get(document) === document.version) return this.itemsAt(document, position);
        // A key has come since the daemon was asked, and VS Code has let this round take the place
        // of its own question. Not asked again, the daemon would say nothing more.
        return this.ask(document, position, context, token, this.next);
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

  private itemsAt(document: vscode.TextDocument, position: vscode.Position): vscode.InlineCompletionItem[] {
    const place = { version: document.version, offset: document.offsetAt(position) };
    const offer = this.ghosts.get(document.uri.toString())?.at(place);
    if (offer === undefined) return [];
    const end = document.positionAt(place.offset + offer.replaced);
    return [new vscode.InlineCompletionItem(offer.text, new vscode.Range(position, end))];
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
