"""What the node asks of an engine, whichever it is.

An engine owns everything that it takes to turn a request into text: its process or connection,
the model's prompt format, its own tokeniser. Who may use which slot is decided outside.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from cerebrum_kit.wire import Snippet

EngineState = Literal["stopped", "loading", "ready", "failed"]


@dataclass(frozen=True)
class RawPrompt:
    """Text to continue as it is; special tokens written in it count as such."""

    text: str


@dataclass(frozen=True)
class InfillPrompt:
    """Text on both sides of the place to fill; nothing in it counts as a special token."""

    prefix: str
    suffix: str
    path: str | None = None
    snippets: tuple[Snippet, ...] = ()


@dataclass(frozen=True)
class ChatPrompt:
    """Turns of a chat, as (role, content)."""

    turns: tuple[tuple[str, str], ...]


Prompt = RawPrompt | InfillPrompt | ChatPrompt


@dataclass(frozen=True)
class Order:
    """One generation, with all that shapes its text."""

    prompt: Prompt
    slot: int
    max_tokens: int
    temperature: float = 0.0
    stop: tuple[str, ...] = ()
    continue_from: str = ""
    only_reads: bool = False
    """Whether the prompt is only read into the slot's KV cache, and nothing generated."""


@dataclass(frozen=True)
class PrefillProgress:
    """`processed` of the prompt's `total` tokens have been evaluated, or were `cached`."""

    processed: int
    total: int
    cached: int = 0


@dataclass(frozen=True)
class Piece:
    """Generated text, never empty and never half a character; `total_tokens` so far."""

    text: str
    total_tokens: int


@dataclass(frozen=True)
class Finished:
    """The end of a generation, in the engine's own figures."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prefill_ms: float
    decode_ms: float
    load_ms: float = 0.0
    """Of the loading that went on in an engine that loads models by itself."""


EngineEvent = PrefillProgress | Piece | Finished


@dataclass(frozen=True)
class SlotState:
    """What the engine says of one of its slots."""

    id: int
    busy: bool


@dataclass(frozen=True)
class EngineStatus:
    """A snapshot for health and statistics; costs nothing to take."""

    state: EngineState
    pid: int | None = None
    restarts_total: int = 0
    failure: str | None = None
    """Why the engine can't work, in the state `failed`."""
    context_tokens: int | None = None
    """Per slot, as the engine has it; known while it is ready."""
    has_fim: bool | None = None
    has_chat: bool | None = None
    """Whether it follows a chat, as far as its server says."""
    can_pre_evaluate: bool = False
    """Whether it is ready, and reads a prompt into a slot without generating anything."""


class Engine(Protocol):
    """One model, loaded or not."""

    name: str

    @property
    def status(self) -> EngineStatus:
        """What is known of the engine right now."""
        ...

    async def load(self) -> None:
        """Make the model ready, once for all who wait; returns at once when it is.

        Raises ModelFailedError.
        """
        ...

    async def unload(self) -> None:
        """Give the model's memory back. What is still being generated fails."""
        ...

    def generate(self, order: Order) -> AsyncGenerator[EngineEvent, None]:
        """Generate; the last event is `Finished`. Closing the generator frees the slot.

        Raises EngineFailedError, PromptTooLongError or EmptyPromptError.
        """
        ...

    async def slots(self) -> list[SlotState]:
        """Ask the engine for its slots; empty when it is not ready or too busy to answer."""
        ...
