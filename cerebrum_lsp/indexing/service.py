"""What the index process knows: the files on the disk, and over them what the editor has open.

Everything here is a step that ends soon; `process.py` calls them in turn with what it hears.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from cerebrum_lsp.core.actions.async_facts import facts_of
from cerebrum_lsp.core.async_refactor import Facts
from cerebrum_lsp.core.index import Index, IndexLimits
from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.core.retrieval import retrieve
from cerebrum_lsp.core.retrieval.shown import Shown
from cerebrum_lsp.indexing.folders import Folders, Signature
from cerebrum_lsp.indexing.ignored import IGNORE_FILES
from cerebrum_lsp.indexing.messages import (
    AskFacts,
    Changed,
    Closed,
    DiskChanged,
    KnownFacts,
    Opened,
    Progress,
    Retrieve,
    Retrieved,
)
from cerebrum_lsp.indexing.open_documents import OpenDocument, Session

MAX_FILES = 30_000
"""A whole home folder is no workspace: what comes after these is not taken in."""
ENTRIES_PER_STEP = 200
FILE_PARSE_S = 0.5
"""CPU seconds after which a file is text. A megabyte of Python takes 0.15 s here, ten times that
on a Pi, where nobody is to wait for a file of that size."""
EDIT_PARSE_S = 0.05
"""Likewise for each keystroke; what takes longer is parsed when nobody types."""


class IndexService:
    """The index of some folders; `clock` counts the CPU seconds of this process."""

    def __init__(
        self,
        folders: Folders,
        encoding: str,
        clock: Callable[[], float],
        limits: IndexLimits | None = None,
    ) -> None:
        self.index = Index(limits)
        self.session = Session(encoding)
        self._folders = folders
        self._clock = clock
        self._shown = Shown(self.index)
        self._signatures: dict[str, Signature] = {}
        self._pending: dict[str, str] = {}
        self._walk: Iterator[tuple[str, str]] | None = None
        self._walked: set[str] = set()
        self._done = 0
        self._late: set[OpenDocument] = set()
        self.rescan()

    @property
    def progress(self) -> Progress:
        """How far the work is that has come up since it was last all done."""
        left = len(self._pending) + (self._walk is not None)
        return Progress(self._done, self._done + left, self.index.memory_bytes)

    def rescan(self) -> None:
        """Look through the folders again, with the rules as they are now."""
        self._folders.refresh()
        self._walk, self._walked = self._folders.walk(), set()

    def step(self) -> bool:
        """Do a little of what is to be done; False when there is nothing left.

        What the disk says of files that are open is left for when they are closed.
        """
        if self._walk is not None:
            self._go_on_walking(self._walk)
        elif self._pending:
            path = next(iter(self._pending))
            self._take_in(self._pending.pop(path), path)
            self._done += 1
        else:
            self._done = 0
            return False
        return True

    def opened(self, message: Opened) -> None:
        """Take the text from the editor from now on."""
        key = self._folders.key_of(message.path)
        if key is None:
            return
        document = self.session.open(key, message.path, message.text)
        self._replace(document)

    def changed(self, message: Changed) -> None:
        """Follow an edit, re-parsing what it touched."""
        document = self.session.documents.get(message.path)
        if document is None:
            return
        edits = self.session.apply(document, message.changes)
        source = self.index.sources.get(document.key)
        if edits is None or source is None or source.text is None:
            self._replace(document)
            return
        is_late = document in self._late or not source.outline.has_syntax
        stop = (lambda: True) if is_late else self._stop_after(EDIT_PARSE_S)
        self.index.edit(document.key, edits, stop)
        if self.index.is_behind(document.key):
            self._late.add(document)

    @property
    def is_late(self) -> bool:
        """Whether documents were edited faster than they could be parsed: `catch_up` in a pause."""
        return bool(self._late)

    def catch_up(self) -> None:
        """Parse one of the documents that could not be parsed while they were edited."""
        document = self._late.pop()
        if document in self.session.documents.values():
            self._replace(document)

    def closed(self, message: Closed) -> None:
        """Take the text from the disk again."""
        document = self.session.close(message.path)
        if document is not None:
            self.index.remove(document.key)
            self._signatures.pop(document.key, None)
            self._pending[message.path] = document.key

    def disk_changed(self, message: DiskChanged) -> None:
        """Note what is to be looked at again: files and whole folders, come, changed or gone."""
        for path in message.paths:
            if path.endswith(IGNORE_FILES):
                self.rescan()
            elif (key := self._folders.key_of(path)) is not None and self._is_to_read(key, path):
                self._pending[path] = key
            else:
                self._forget(path)
                for key, found in islice(self._folders.walk(path), MAX_FILES):
                    self._pending[found] = key

    def retrieve(self, message: Retrieve) -> Retrieved:
        """Return what helps at a place; nothing for a document that is not to be known."""
        document = self.session.documents.get(message.path)
        if document is None:
            return Retrieved(message.id, ())
        prefix, suffix = document.around(message.line, message.column)
        hints = self.session.hints(document)
        pieces = retrieve(
            self.index,
            document.key,
            prefix,
            suffix,
            message.budget_chars,
            hints=hints,
            shown_chars=message.shown_chars,
        )
        self.session.visited(document.key, message.line + 1)
        texts = [(piece.path, self._shown.text(piece, document.key, prefix)) for piece in pieces]
        return Retrieved(message.id, tuple(Excerpt(path, text) for path, text in texts if text))

    def async_facts(self, message: AskFacts) -> KnownFacts:
        """Return what the files that a document imports define as async."""
        document = self.session.documents.get(message.path)
        return KnownFacts(message.id, facts_of(self.index, document.key) if document else Facts())

    def _replace(self, document: OpenDocument) -> None:
        stop = self._stop_after(FILE_PARSE_S)
        if len(document.lines.text) > self.index.limits.file_bytes:
            self.index.remove(document.key)
            return
        self.index.update(document.key, document.lines.text, stop=stop, keep_tree=True)

    def _go_on_walking(self, walk: Iterator[tuple[str, str]]) -> None:
        entries = list(islice(walk, ENTRIES_PER_STEP))
        for key, path in entries:
            self._walked.add(key)
            if self._signatures.get(key) != self._folders.signature(path):
                self._pending[path] = key
        if entries and len(self._walked) < MAX_FILES:
            return
        self._walk = None
        for key in self._signatures.keys() - self._walked:
            self._remove(key)

    def _is_to_read(self, key: str, path: str) -> bool:
        is_known = key in self._signatures or path in self.session.documents
        return is_known or self._folders.is_code_file(path)

    def _take_in(self, key: str, path: str) -> None:
        if path in self.session.documents:
            return
        signature = self._folders.signature(path)
        text = self._folders.read(path) if signature is not None else None
        if signature is None or text is None:
            self._remove(key)
            return
        self._signatures[key] = signature
        if self.index.is_full and key not in self.index.sources:
            return
        self.index.update(key, text, stop=self._stop_after(FILE_PARSE_S))

    def _forget(self, path: str) -> None:
        """Forget a file, or all files of a folder that has gone."""
        below = self._folders.keys_below(path)
        if below is None:
            return
        for key in [key for key in self._signatures if f"{key}/" == below or key.startswith(below)]:
            self._remove(key)

    def _remove(self, key: str) -> None:
        self._signatures.pop(key, None)
        if not self.session.is_open(key):
            self.index.remove(key)

    def _stop_after(self, limit_s: float) -> Callable[[], bool]:
        end = self._clock() + limit_s
        return lambda: self._clock() > end
