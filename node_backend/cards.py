"""What model files say of themselves: each is read once, as long as it stays as it is."""

from dataclasses import dataclass, replace
from pathlib import Path

from node_backend.core.chat import by_template
from node_backend.core.gguf_header import Array, Header, HeaderError, parse_header, text_at
from node_backend.core.model_card import Card, card_of
from node_backend.core.names_files import part_of

Stamp = tuple[int, int]  # a file's size and the time of its last change
TITLE, FINETUNE = "general.name", "general.finetune"
CHAT_TEMPLATE, TOKENS = "tokenizer.chat_template", "tokenizer.ggml.tokens"
ENDS = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id")


@dataclass(frozen=True)
class Reading:
    """What there is to know of a model file, as far as it can be read."""

    card: Card | None = None
    problem: str | None = None
    """Why there is no card."""
    title: str = ""
    """What its makers call it."""
    has_chat_template: bool = False
    has_chat: bool | None = None
    """Whether it follows a chat, by its file (`core.chat`); None: that can't be told."""


class Cards:
    """Reads headers and keeps what matters of them; may be asked by several threads."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, Reading]] = {}

    def of(self, path: Path) -> Reading:
        """Return what a file says; of a split model, of its first part's path, what all say.

        A header that is not known yet takes tens of milliseconds: for a thread.
        """
        try:
            status = path.stat()
        except OSError as error:
            return Reading(problem=f"it can't be read: {error.strerror}")
        stamp = (status.st_size, status.st_mtime_ns)
        known_stamp, reading = self._known.get(path, (None, Reading()))
        if known_stamp != stamp:
            reading = _read(path)
            self._known[path] = (stamp, reading)
        return reading


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file; the tensors of all parts where it is the first of several.

    Raises HeaderError or OSError.
    """
    header = _read_one(path)
    part = part_of(path.name)
    if part is None:
        return header
    tensors = list(header.tensors)
    for number in range(part.number + 1, part.total + 1):
        tensors += _read_one(path.with_name(part.path(number))).tensors
    return replace(header, tensors=tuple(tensors))


def _read(path: Path) -> Reading:
    try:
        header = read_header(path)
        return _reading(path, header)
    except HeaderError as error:
        return Reading(problem=f"it is no model that can be run here: {error}")
    except OSError as error:
        return Reading(problem=f"it can't be read: {error.strerror}")


def _reading(path: Path, header: Header) -> Reading:
    title = str(header.metadata.get(TITLE, ""))
    known = Reading(
        title=title,
        has_chat_template=CHAT_TEMPLATE in header.metadata,
        has_chat=by_template(
            _text(header, CHAT_TEMPLATE),
            _end_tokens(path, header),
            title,
            _text(header, FINETUNE) or "",
            path.stem,
        ),
    )
    try:
        return replace(known, card=card_of(header))
    except HeaderError as error:
        return replace(known, problem=f"it is no model that can be run here: {error}")


def _text(header: Header, key: str) -> str | None:
    value = header.metadata.get(key)
    return value if isinstance(value, str) else None


def _end_tokens(path: Path, header: Header) -> list[str]:
    """Return the texts of the tokens that end what the model writes; the header has only ids."""
    tokens, texts = header.metadata.get(TOKENS), []
    if CHAT_TEMPLATE not in header.metadata or not isinstance(tokens, Array):
        return []
    with path.open("rb") as file:
        for key in ENDS:
            index = header.metadata.get(key)
            if isinstance(index, int) and 0 <= index < tokens.count:
                file.seek(tokens.begins_at)
                texts.append(text_at(file.read, index))
    return texts


def _read_one(path: Path) -> Header:
    with path.open("rb") as file:
        return parse_header(file.read)
