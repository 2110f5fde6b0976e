"""What the daemon and its index process say to each other.

Both ends are this very program, and the channel is a pair of sockets that nobody else can open; so
the messages are pickled, which keeps their types, and every text that an editor can send.
"""

import asyncio
import pickle
import struct
from dataclasses import dataclass

from cerebrum_lsp.core.async_refactor import Facts
from cerebrum_lsp.core.layout import Excerpt

SOCKET_ENV = "CEREBRUM_INDEX_FD"
"""Where the index process finds its end: the number of an inherited descriptor."""

LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Configure:
    """The workspace's folders (absolute paths), and the editor's position encoding."""

    folders: tuple[str, ...]
    encoding: str
    watches: bool
    """Whether the process watches the disk itself; not where the editor does."""


@dataclass(frozen=True)
class Opened:
    """A document (absolute path) is open in the editor: from now on the editor knows its text."""

    path: str
    text: str


@dataclass(frozen=True)
class TextChange:
    """One change of `textDocument/didChange`; positions are the client's own, None for all."""

    text: str
    start: tuple[int, int] | None = None
    end: tuple[int, int] | None = None


@dataclass(frozen=True)
class Changed:
    """An open document was edited."""

    path: str
    changes: tuple[TextChange, ...]


@dataclass(frozen=True)
class Closed:
    """The document's text is again that on the disk."""

    path: str


@dataclass(frozen=True)
class DiskChanged:
    """Files (absolute paths) that came, changed or went; the editor has seen it."""

    paths: tuple[str, ...]


@dataclass(frozen=True)
class Retrieve:
    """What helps at a place of a document: answered by `Retrieved` with the same id.

    `line` and `column` are zero-based and count characters.
    """

    id: int
    path: str
    line: int
    column: int
    budget_chars: int
    shown_chars: int
    """How much text before the cursor stands in the prompt anyway."""


@dataclass(frozen=True)
class Retrieved:
    """The excerpts for a place, the best first; free of secrets, paths as in the workspace."""

    id: int
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True)
class AskFacts:
    """What is known of the imports of a document: answered by `KnownFacts` with the same id."""

    id: int
    path: str


@dataclass(frozen=True)
class KnownFacts:
    """What the index knows of a document's imports."""

    id: int
    facts: Facts


@dataclass(frozen=True)
class Progress:
    """How many of the files that were found have been taken in."""

    done: int
    total: int
    memory_bytes: int
    """The index's own estimate of what it holds."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do for now."""
        return self.done >= self.total


Request = Configure | Opened | Changed | Closed | DiskChanged | Retrieve | AskFacts
Report = Retrieved | KnownFacts | Progress


def pack(message: Request | Report) -> bytes:
    """Return a message as it goes over the channel."""
    body = pickle.dumps(message)
    return LENGTH.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> Request | Report:
    """Return the next message; raises asyncio.IncompleteReadError when the other end has gone."""
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    message: Request | Report = pickle.loads(await reader.readexactly(length))  # noqa: S301 - ours
    return message
