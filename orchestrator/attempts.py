"""One attempt at one node: its events, and what the pool learns from how it went."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import TokenEvent
from node_backend.wire import DoneEvent as NodeDone
from node_backend.wire import InferenceRequest
from orchestrator.breaker_probes import BREAKER_FAILURES
from orchestrator.core.prediction import Allowance
from orchestrator.core.speeds import Served
from orchestrator.errors import UnknownModelError
from orchestrator.life import NODE_FAILURES
from orchestrator.members import Member
from orchestrator.nodes import NodeClient, NodeEvent
from orchestrator.pool import Pool
from orchestrator.probes import Prober

MIN_TOKENS_TIMED = 4  # of an answer that was cut: fewer say little of the speed


@dataclass
class Attempt:
    """What is asked of whom; `prompt_chars` of `asked`, `service_s` as predicted."""

    member: Member
    client: NodeClient
    asked: InferenceRequest
    allowance: Allowance
    prompt_chars: int
    service_s: float
    model: str | None
    epoch: int = 0
    begun_at: float = 0.0
    first_token_at: float | None = None
    last_token_at: float = 0.0
    tokens: int = 0


class Attempts:
    """Runs attempts."""

    def __init__(
        self, pool: Pool, prober: Prober, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = pool
        self._prober = prober
        self._clock = clock

    async def run(self, attempt: Attempt) -> AsyncGenerator[NodeEvent, None]:
        """Yield the node's events; raise its failure when the pool has taken note of it."""
        attempt.epoch, attempt.begun_at = attempt.member.breaker.epoch, self._clock()
        is_over = False
        try:
            with self._pool.serving(attempt.member, attempt.service_s):
                answers = attempt.client.infer(attempt.asked, attempt.allowance)
                async with aclosing(answers) as events:
                    async for event in events:
                        is_over = self._learn(attempt, event) or is_over
                        yield event
        except NODE_FAILURES as failure:
            is_over = True
            self._note(attempt, failure)
            raise
        finally:
            if not is_over:
                self._learn_from_cut(attempt)

    def _learn(self, attempt: Attempt, event: NodeEvent) -> bool:
        """Take in what an event tells; return whether it is the last one."""
        if isinstance(event, TokenEvent):
            attempt.last_token_at = self._clock()
            attempt.first_token_at = attempt.first_token_at or attempt.last_token_at
            attempt.tokens = event.total_tokens
        if not isinstance(event, NodeDone):
            return False
        model = attempt.model or event.model
        served = self._served(attempt, event)
        self._pool.succeeded(attempt.member, attempt.epoch, model, served)
        attempt.member.keep_prefix(attempt.asked.cache_key, model)
        return True

    def _served(self, attempt: Attempt, done: NodeDone) -> Served:
        lane, first_at = attempt.asked.cache_key, attempt.first_token_at
        model = attempt.model or done.model
        return Served(
            prompt_tokens=done.usage.prompt_tokens,
            cached_tokens=done.usage.cached_tokens,
            completion_tokens=done.usage.completion_tokens,
            max_tokens=attempt.asked.max_tokens,
            prompt_chars=attempt.prompt_chars,
            prefill_s=done.timings.prefill_ms / 1000,
            decode_s=done.timings.decode_ms / 1000,
            load_s=done.timings.load_ms / 1000,
            first_token_s=None if first_at is None else first_at - attempt.begun_at,
            had_prefix=lane is not None and attempt.member.prefixes.get(lane) == model,
        )

    def _learn_from_cut(self, attempt: Attempt) -> None:
        """Learn from an answer that its reader had enough of: editors end most of theirs so."""
        model = attempt.model or attempt.member.seen.model
        if model is None or attempt.first_token_at is None:
            return
        speed = attempt.member.speed(model)
        speed.used_of_max.learn(attempt.tokens, attempt.asked.max_tokens)
        if attempt.tokens >= MIN_TOKENS_TIMED:
            speed.decode.learn(attempt.tokens - 1, attempt.last_token_at - attempt.first_token_at)
        speed.first_tokens_s.append(attempt.first_token_at - attempt.begun_at)
        attempt.member.keep_prefix(attempt.asked.cache_key, model)

    def _note(self, attempt: Attempt, failure: CerebrumError) -> None:
        if isinstance(failure, BREAKER_FAILURES):
            self._pool.failed(attempt.member, attempt.epoch)
        if not isinstance(failure, UnknownModelError):
            self._prober.report(attempt.member, attempt.client, failure)
