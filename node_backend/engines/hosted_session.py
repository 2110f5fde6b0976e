"""What a hosted engine has to know of a protocol: how to begin, to ask, to read, and to leave."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx

from cerebrum_kit.errors import CerebrumError
from node_backend.engines.base import EngineEvent, Order


@dataclass(frozen=True)
class HostedModel:
    """A model that a server has."""

    name: str
    size_bytes: int = 0
    """0: the server does not say."""
    is_loaded: bool = True
    has_chat: bool | None = None
    """Whether it follows a chat; None: the server does not say."""
    digest: str = field(default="", compare=False)
    """Another one for other contents under the same name, where the server tells one."""


@dataclass(frozen=True)
class Exchange:
    """A request that generates."""

    path: str
    body: Mapping[str, object]
    is_instruct: bool = False
    """Whether a chat is asked for code, so that its answer may hold more than that."""


class Session(Protocol):
    """One model of one server, ready to be asked."""

    context_tokens: int
    has_fim: bool
    has_chat: bool | None

    def exchange(self, order: Order) -> Exchange:
        """Return what to send. Raises PromptTooLongError or EmptyPromptError."""
        ...

    def read(self, lines: AsyncIterator[str]) -> AsyncGenerator[EngineEvent, None]:
        """Read what comes back, line by line.

        Raises EngineFailedError when it tells of an error; ValueError, LookupError, TypeError or
        AttributeError when it makes no sense.
        """
        ...

    def refusal(self, answer: httpx.Response) -> CerebrumError:
        """Return what an answer means whose status is not 200."""
        ...

    async def close(self) -> None:
        """Give the model's memory back, as far as that is ours to decide."""
        ...


Connect = Callable[[httpx.AsyncClient], Awaitable[Session]]
"""Makes the model ready. Raises CerebrumError, httpx.HTTPError, or what `Session.read` does."""

NONSENSE = (ValueError, LookupError, TypeError, AttributeError)


async def answer_json(answer: httpx.Response) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError."""
    parsed = answer.json()
    if not isinstance(parsed, dict):
        raise ValueError("an object was expected")
    return parsed
