"""What Prometheus is told: counts of what has ended, and the pool as it is when it asks."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import TokenEvent, Usage
from orchestrator.core.cache import Cache
from orchestrator.life import Events
from orchestrator.outcome import outcome_of
from orchestrator.wire import ContextReport, DoneEvent, NodeStatus, Stats

MEDIA_TYPE = CONTENT_TYPE_LATEST
# From a warm GPU's first token to a whole answer of a 14B model on a CPU.
BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)

log = logging.getLogger(__name__)


class Meter:
    """Measures requests; `expose` renders everything in Prometheus' text format."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        self._duration = Histogram(
            "cerebrum_request_duration_seconds",
            "From a request's arrival to its end, by how it ended.",
            ["outcome"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._first_token = Histogram(
            "cerebrum_first_token_seconds",
            "From a request's arrival to its first token.",
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._open = Gauge(
            "cerebrum_requests_open",
            "Requests that wait for an answer; those who ask the same share a running one.",
            registry=self._registry,
        )
        self._tokens = Counter(
            "cerebrum_tokens",
            "Tokens by kind: prompt, those of it that were cached, completion.",
            ["node", "kind"],
            registry=self._registry,
        )
        self._pre_evaluated = Counter(
            "cerebrum_pre_evaluated_tokens",
            "Prompt tokens that nodes read in idle time, ahead of a request.",
            ["node"],
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def show(self, stats: Callable[[], Stats], cache: Cache[Any]) -> None:
        """Show the pool, and the cache of answers, too."""
        self._registry.register(_Pool(stats, cache))

    def expose(self) -> bytes:
        """Return the answer to `GET /metrics`."""
        return generate_latest(self._registry)

    async def watch(self, events: Events) -> Events:
        """Pass `events` on, and measure them."""
        begun_at, is_begun, outcome = self._clock(), False, "cancelled"
        self._open.inc()
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, TokenEvent) and not is_begun:
                        is_begun = True
                        self._first_token.observe(self._clock() - begun_at)
                    elif isinstance(event, DoneEvent):
                        outcome = "completed"
                        self._on_done(event)
                    yield event
        except CerebrumError as error:
            outcome = outcome_of(error)
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._open.dec()
            self._duration.labels(outcome).observe(self._clock() - begun_at)

    async def watch_pre_evaluation(self, events: Events) -> Events:
        """Pass `events` on, and count what was read; apart from all that somebody waits for."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, DoneEvent):
                    read = event.usage.prompt_tokens - event.usage.cached_tokens
                    self._pre_evaluated.labels(event.node).inc(read)
                yield event

    def _on_done(self, done: DoneEvent) -> None:
        if done.from_cache:
            return
        for kind, count in _by_kind(done.usage):
            self._tokens.labels(done.node, kind).inc(count)
        if done.context.chunks:
            log.info(chunking_line(done.context))


def chunking_line(context: ContextReport) -> str:
    """Return the log line of a prompt that was shortened; the arrow is what one greps for."""
    saved = 1 - context.chars_out / max(1, context.chars_in)
    return (
        f"Chunking complete: {context.chunks} blocks, {context.unique} unique, "
        f"{context.selected} selected, {context.chars_in} → {context.chars_out} chars "
        f"({saved:.0%} smaller)"
    )


def _by_kind(usage: Usage) -> tuple[tuple[str, int], ...]:
    return (
        ("prompt", usage.prompt_tokens),
        ("cached", usage.cached_tokens),
        ("completion", usage.completion_tokens),
    )


class _Pool(Collector):
    """The pool and the cache at the moment of asking."""

    def __init__(self, stats: Callable[[], Stats], cache: Cache[Any]) -> None:
        self._stats = stats
        self._cache = cache

    def describe(self) -> list[Metric]:
        """Return nothing: so that registering needs no running pool."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield everything."""
        stats = self._stats()
        yield _gauge("cerebrum_requests_active", "Requests that run.", stats.active_requests)
        yield _gauge("cerebrum_requests_queued", "Requests that wait.", stats.queued)
        yield CounterMetricFamily(
            "cerebrum_pre_evaluations",
            "Prompts that were read in idle time, whole or until somebody asked for an answer.",
            value=stats.pre_evaluated_total,
        )
        yield _gauge("cerebrum_editors_connected", "Open event streams.", stats.editors)
        yield from _cache_metrics(self._cache)
        yield from _node_metrics(stats.nodes)


def _cache_metrics(cache: Cache[Any]) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "cerebrum_cache_hits", "Answers that were known from before.", value=cache.hits
    )
    yield CounterMetricFamily(
        "cerebrum_cache_misses", "Answers that were not known, but could be.", value=cache.misses
    )
    yield _gauge("cerebrum_cache_bytes", "Memory of kept answers.", cache.used_bytes)


def _node_metrics(nodes: list[NodeStatus]) -> Iterator[Metric]:
    shown: tuple[tuple[str, str, Callable[[NodeStatus], float | None]], ...] = (
        ("cerebrum_node_up", "1 if it can be asked.", lambda node: node.state == "ready"),
        ("cerebrum_node_requests_active", "Requests on it.", lambda node: node.in_flight),
        (
            "cerebrum_node_breaker_open",
            "1 unless its breaker is closed.",
            lambda node: node.breaker != "closed",
        ),
        (
            "cerebrum_node_prefill_tokens_per_second",
            "Learned speed of prompts.",
            lambda node: node.prefill_tokens_per_s,
        ),
        (
            "cerebrum_node_decode_tokens_per_second",
            "Learned speed of answers.",
            lambda node: node.decode_tokens_per_s,
        ),
    )
    for name, words, value_of in shown:
        family = GaugeMetricFamily(name, words, labels=["node"])
        for node in nodes:
            value = value_of(node)
            if value is not None:
                family.add_metric([node.name], float(value))
        yield family


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
