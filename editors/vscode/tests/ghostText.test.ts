import assert from "node:assert/strict";
import { test } from "node:test";
import { GhostText } from "../src/core/ghostText.ts";

const PLACE = { version: 1, offset: 10 };

/** Types into a document at version 1 in which `text` is offered at offset 10. */
function typed(text: string, ...keys: string[]): GhostText {
  const ghost = new GhostText();
  ghost.onOffer(PLACE, text, 0);
  let offset = PLACE.offset;
  keys.forEach((inserted, index) => {
    ghost.onEdit(2 + index, [{ offset, removed: 0, inserted }]);
    offset += inserted.length;
  });
  return ghost;
}

test("what is offered stands at its place and at no other", () => {
  const ghost = typed("return a");
  assert.deepEqual(ghost.at(PLACE), { text: "return a", replaced: 0 });
  assert.equal(ghost.at({ version: 1, offset: 9 }), undefined);
  assert.equal(ghost.at({ version: 2, offset: 10 }), undefined);
});

test("typing along leaves the rest", () => {
  assert.deepEqual(typed("return a", "r", "et").at({ version: 3, offset: 13 })?.text, "urn a");
});

test("all of it typed leaves nothing", () => {
  assert.equal(typed("ab", "a", "b").at({ version: 3, offset: 12 }), undefined);
});

test("typing something else takes it away", () => {
  assert.equal(typed("return a", "x").at({ version: 2, offset: 11 }), undefined);
});

for (const [what, change] of Object.entries({
  "an edit elsewhere": [{ offset: 3, removed: 0, inserted: "r" }],
  "a deletion": [{ offset: 9, removed: 1, inserted: "" }],
  "two edits at once": [
    { offset: 10, removed: 0, inserted: "r" },
    { offset: 3, removed: 0, inserted: "r" },
  ],
})) {
  test(`${what} takes it away`, () => {
    const ghost = typed("return a");
    ghost.onEdit(2, change);
    assert.equal(ghost.at({ version: 2, offset: 11 }), undefined);
    assert.equal(ghost.onGrowth(PLACE, "return a + b", 0), false);
  });
}

test("saving changes nothing", () => {
  const ghost = typed("return a");
  ghost.onEdit(2, []);
  assert.equal(ghost.at({ version: 2, offset: 10 })?.text, "return a");
});

test("it grows in place", () => {
  const ghost = typed("one");
  assert.equal(ghost.onGrowth(PLACE, "one\ntwo", 0), true);
  assert.equal(ghost.at(PLACE)?.text, "one\ntwo");
});

test("the same text again is no reason to draw", () => {
  assert.equal(typed("one").onGrowth(PLACE, "one", 0), false);
});

test("what was asked for before some typing still grows after it", () => {
  const ghost = typed("one", "o");
  assert.equal(ghost.onGrowth(PLACE, "one\ntwo", 0), true);
  assert.equal(ghost.at({ version: 2, offset: 11 })?.text, "ne\ntwo");
});

test("what grows for the place after some typing is taken as it is", () => {
  const ghost = typed("one", "o");
  assert.equal(ghost.onGrowth({ version: 2, offset: 11 }, "ne\ntwo", 0), true);
  assert.equal(ghost.at({ version: 2, offset: 11 })?.text, "ne\ntwo");
});

test("growth that does not agree with what was typed is left", () => {
  const ghost = typed("one", "o");
  assert.equal(ghost.onGrowth(PLACE, "two", 0), false);
  assert.equal(ghost.at({ version: 2, offset: 11 })?.text, "ne");
});

test("growth may overtake the answer that it grew from", () => {
  const ghost = new GhostText();
  assert.equal(ghost.onGrowth(PLACE, "one\ntwo", 1), false);
  ghost.onOffer(PLACE, "one", 0);
  assert.deepEqual(ghost.at(PLACE), { text: "one\ntwo", replaced: 1 });
});

test("growth of another place does not overtake", () => {
  const ghost = new GhostText();
  ghost.onGrowth({ version: 1, offset: 4 }, "one\ntwo", 0);
  ghost.onOffer(PLACE, "one", 0);
  assert.equal(ghost.at(PLACE)?.text, "one");
});

test("what was sent away does not grow back", () => {
  const ghost = typed("one");
  ghost.clear();
  assert.equal(ghost.onGrowth(PLACE, "one\ntwo", 0), false);
  assert.equal(ghost.at(PLACE), undefined);
});

test("an empty answer takes away what stood", () => {
  const ghost = typed("one");
  ghost.onOffer({ version: 1, offset: 10 }, "", 0);
  assert.equal(ghost.at(PLACE), undefined);
});

test("it offers until the document has changed, or all is typed, or it is sent away", () => {
  assert.equal(typed("ab").isOffering(1), true);
  assert.equal(typed("ab", "a").isOffering(2), true);
  assert.equal(typed("ab", "a").isOffering(3), false);
  assert.equal(typed("ab", "a", "b").isOffering(3), false);
  assert.equal(typed("ab", "x").isOffering(2), false);
});

test("letters outside of the BMP count as the editor counts them", () => {
  assert.equal(typed("😀 = 1", "😀").at({ version: 2, offset: 12 })?.text, " = 1");
});
