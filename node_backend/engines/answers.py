"""Turns the events of a chat's answer into those of a completion, while they come."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from node_backend.core.code_only import CodeOnly
from node_backend.engines.base import EngineEvent, Finished, InfillPrompt, Order, Piece


async def only_code(
    events: AsyncGenerator[EngineEvent, None],
    order: Order,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncGenerator[EngineEvent, None]:
    """Yield of a chat's answer to an infill order what can be inserted; then its `Finished`.

    The engine is stopped at the caller's stop sequence or at the end of the code. Its own figures
    are lost then, and the clock's and the counts so far stand for them.
    """
    assert isinstance(order.prompt, InfillPrompt)  # noqa: S101 - nothing else is asked in a chat
    answer = CodeOnly(order.prompt.prefix + order.continue_from, order.stop)
    begun = first = clock()
    prompt_tokens, tokens = 0, 0
    async with aclosing(events):
        async for event in events:
            match event:
                case Piece(text, total_tokens):
                    first = first if tokens else clock()
                    tokens = total_tokens
                    if shown := answer.feed(text):
                        yield Piece(shown, tokens)
                    if answer.has_stopped:
                        break
                case Finished():
                    if shown := answer.end():
                        yield Piece(shown, tokens)
                    yield event
                    return
                case _:
                    prompt_tokens = event.total
                    yield event
    ended = clock()
    yield Finished(
        reason="stop",
        prompt_tokens=prompt_tokens,
        cached_tokens=0,
        completion_tokens=tokens,
        prefill_ms=(first - begun) * 1000,
        decode_ms=(ended - first) * 1000,
    )
