/**
 * What is offered at the cursor of one document: it grows while the pool writes, and shrinks while
 * the user types along.
 *
 * A machine without an editor: offsets count UTF-16 units, as the editor does. The server offers a
 * text for a version and an offset; everything that the user has typed since lies between that
 * offset and the cursor.
 */

/** Where a text was asked for. */
export interface Place {
  readonly version: number;
  readonly offset: number;
}

/** One change of a document, as the editor tells it. */
export interface Change {
  readonly offset: number;
  readonly removed: number;
  readonly inserted: string;
}

/** What to show now: `text` at the cursor, in place of so many units after it. */
export interface Offer {
  readonly text: string;
  readonly replaced: number;
}

export class GhostText {
  private anchor: Place | undefined;
  private grown: (Place & Offer) | undefined;
  private text = "";
  private replaced = 0;
  private typed = "";
  private version = -1;

  /**
   * The server's answer for `place`; an empty text takes away what is offered.
   *
   * What has grown may overtake the answer that it grew from; then the longer text counts.
   */
  onOffer(place: Place, text: string, replaced: number): void {
    const grown = this.grown;
    this.clear();
    if (text === "") return;
    const isOvertaken =
      grown !== undefined && grown.version === place.version && grown.offset === place.offset && grown.text.startsWith(text);
    this.anchor = place;
    this.text = isOvertaken ? grown.text : text;
    this.replaced = isOvertaken ? grown.replaced : replaced;
    this.version = place.version;
  }

  /** More of a text has come for `place`. Returns whether something else is to be shown now. */
  onGrowth(place: Place, text: string, replaced: number): boolean {
    this.grown = { ...place, text, replaced };
    if (this.anchor === undefined) return false;
    const typed = this.typedSince(place);
    if (typed === undefined || !text.startsWith(typed)) return false;
    const before = this.remaining();
    this.anchor = place;
    this.text = text;
    this.replaced = replaced;
    this.typed = typed;
    return this.remaining() !== before && this.remaining() !== "";
  }

  /** The document has changed, and is now at `version`. */
  onEdit(version: number, changes: readonly Change[]): void {
    if (this.anchor === undefined || version <= this.anchor.version) return;
    this.version = version;
    if (changes.length === 0) return; // only the document's state has changed, as on saving
    const [change] = changes;
    const follows =
      changes.length === 1 &&
      change !== undefined &&
      change.offset === this.cursor() &&
      change.removed === 0 &&
      this.remaining().startsWith(change.inserted);
    if (follows) this.typed += change.inserted;
    else this.clear();
  }

  /** Nothing is offered any more. */
  clear(): void {
    this.anchor = undefined;
    this.grown = undefined;
    this.typed = "";
  }

  /** What is offered at a place, if that is where the cursor must be. */
  at(place: Place): Offer | undefined {
    const fits = this.anchor !== undefined && place.version === this.version && place.offset === this.cursor();
    const text = this.remaining();
    return fits && text !== "" ? { text, replaced: this.replaced } : undefined;
  }

  /** Returns whether something is offered in the document as it is at a version. */
  isOffering(version: number): boolean {
    return this.anchor !== undefined && version === this.version && this.remaining() !== "";
  }

  private remaining(): string {
    return this.text.slice(this.typed.length);
  }

  private cursor(): number {
    return (this.anchor?.offset ?? 0) + this.typed.length;
  }

  /** What was typed between `place` and the cursor; undefined if it is not on the way there. */
  private typedSince(place: Place): string | undefined {
    const anchor = this.anchor;
    if (anchor === undefined || place.version < anchor.version || place.version > this.version) return undefined;
    const begun = place.offset - anchor.offset;
    return begun >= 0 && begun <= this.typed.length ? this.typed.slice(begun) : undefined;
  }
}
