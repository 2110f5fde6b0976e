"""Two attempts at one request, of which the first to say something wins."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from cerebrum_kit.wire import TokenEvent
from node_backend.wire import DoneEvent as NodeDone
from orchestrator.nodes import NodeEvent

MAX_AHEAD = 16  # events that a node may be ahead of the reader

A = TypeVar("A")
Events = AsyncGenerator[NodeEvent, None]


@dataclass(frozen=True)
class Runner(Generic[A]):
    """Somebody in the race: what names it, and its events."""

    name: A
    events: Events


@dataclass(frozen=True)
class _End:
    error: Exception | None = None


async def race(
    first: Runner[A], after_s: float, second: Callable[[], Runner[A] | None]
) -> AsyncGenerator[tuple[A, NodeEvent], None]:
    """Yield `first`'s events; when none of its tokens has come `after_s`, let `second` join.

    The first of the two that has a token or an end wins; the other one is cancelled before the
    winner's event is handed on. One that fails leaves the race to the other, and raises when it is
    the last. Each runs in a task of its own, which is at its end when this is.
    """
    queue: asyncio.Queue[tuple[A, NodeEvent | _End]] = asyncio.Queue(MAX_AHEAD)
    running = {first.name: _start(first, queue)}
    winner: A | None = None
    join_at: float | None = asyncio.get_running_loop().time() + after_s
    try:
        while running:
            try:
                async with asyncio.timeout_at(join_at):
                    name, event = await queue.get()
            except TimeoutError:
                join_at = None
                if (other := second()) is not None:
                    running[other.name] = _start(other, queue)
                continue
            if name not in running:
                continue  # it has lost already
            if isinstance(event, _End):
                await _stop(running.pop(name))
                if event.error is not None and not running:
                    raise event.error
                continue
            if winner is None and isinstance(event, TokenEvent | NodeDone):
                winner, join_at = name, None
                losers = [task for other, task in running.items() if other != name]
                running = {name: running[name]}
                await _stop(*losers)
            yield name, event
    finally:
        await _stop(*running.values())


def _start(
    runner: Runner[A], queue: "asyncio.Queue[tuple[A, NodeEvent | _End]]"
) -> "asyncio.Task[None]":
    async def pump() -> None:
        end = _End()
        try:
            async with aclosing(runner.events) as events:
                async for event in events:
                    await queue.put((runner.name, event))
        except Exception as error:  # not ours to judge: the reader raises it
            end = _End(error)
        await queue.put((runner.name, end))

    return asyncio.create_task(pump(), name=f"attempt {runner.name}")


async def _stop(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
