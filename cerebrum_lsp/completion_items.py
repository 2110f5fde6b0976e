"""The same text for clients that know only `textDocument/completion`: one item in their menu."""

import re

from lsprotocol import types

from cerebrum_lsp.core.document import Snapshot

WORD = re.compile(r"\w*\Z")
LABEL_CHARS = 60  # menus cut what is longer, in the middle of somewhere
TRIGGER_CHARACTERS = [".", "(", "="]
LAST = "\U0010ffff"  # below what other servers know for certain


def wants_items(capabilities: types.ClientCapabilities, wanted: bool | None) -> bool:
    """Whether to offer completion items to a client: if it says so, or can do nothing better."""
    document = capabilities.text_document
    if wanted is not None:
        return wanted
    return bool(document and document.completion and not document.inline_completion)


def word_before(place: Snapshot) -> str:
    """Return the word that the cursor stands behind: what a menu filters its items by."""
    found = WORD.search(place.line_before)
    return found.group() if found else ""


def completion_item(place: Snapshot, text: str, replaced: types.Range) -> types.CompletionItem:
    """Return the item that puts the word before the cursor, and `text` after it, into `replaced`.

    That range begins with the word: clients take the item for a completion of it.
    """
    whole = word_before(place) + text
    first, _, rest = whole.partition("\n")
    label = first if len(first) <= LABEL_CHARS else f"{first[:LABEL_CHARS]}…"
    fence = "```" if "```" not in whole else "~~~~"
    shown = f"{fence}{place.language}\n{whole}\n{fence}"
    return types.CompletionItem(
        label=f"{label} …" if rest else label,
        kind=types.CompletionItemKind.Text,
        detail="Cerebrum",
        documentation=types.MarkupContent(types.MarkupKind.Markdown, shown),
        sort_text=LAST,
        filter_text=first,
        insert_text=whole,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(replaced, whole),
    )
