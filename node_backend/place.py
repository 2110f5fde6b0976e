"""One request's place: in the queue, then on a slot of its model, until it is given back."""

import asyncio
from collections.abc import Mapping
from typing import Literal, Protocol

from node_backend.engines.base import Engine
from node_backend.models import Model
from node_backend.spare import Spare

Outcome = Literal["completed", "failed", "cancelled", "refused"]


class Owner(Protocol):
    """Who gives places away, and takes them back."""

    @property
    def engines(self) -> Mapping[Model, Engine]:
        """The engines of the models that have memory."""
        ...

    def on_loaded(self, model: Model) -> None:
        """Take note that a model works."""
        ...

    def leave(self, place: "Place", outcome: Outcome) -> None:
        """Take a place back."""
        ...


class Place:
    """One request's place, in the queue and then on a slot of its model, until `end`."""

    def __init__(self, owner: Owner, ticket: int, model: Model, now: float) -> None:
        self._owner = owner
        self._ended = False
        self.admitted_at = now
        self.ticket = ticket
        self.model = model
        self.ahead = 0
        self.granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.spare = Spare()

    @property
    def is_waiting(self) -> bool:
        """Whether the request is still in the queue, behind `ahead` others when it came."""
        return not self.granted.done()

    @property
    def engine(self) -> Engine:
        """The engine of the model; there is one from the grant to the end."""
        return self._owner.engines[self.model]

    async def slot(self) -> int:
        """Wait for a slot and return it."""
        return await asyncio.shield(self.granted)

    async def load(self) -> None:
        """Return when the model is ready. Raises ModelFailedError."""
        await self.engine.load()
        self._owner.on_loaded(self.model)

    def end(self, outcome: Outcome) -> None:
        """Give the place back; only the first call counts."""
        if not self._ended:
            self._ended = True
            self._owner.leave(self, outcome)
            self.spare.ended.set()
