"""What Prometheus is told: counts of what has ended, and the node as it is when it asks."""

import asyncio
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cerebrum_kit.wire import Usage
from node_backend.wire import Health, Stats

MEDIA_TYPE = CONTENT_TYPE_LATEST
# From one token of a cached prompt to a long answer of a large model on a small machine.
BUCKETS_S = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
MIB = 1 << 20


class Meter:
    """Measures requests; `expose` renders everything in Prometheus' text format."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._duration = Histogram(
            "cerebrum_inference_duration_seconds",
            "From a request's admission to its end, by how it ended.",
            ["outcome"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._first_token = Histogram(
            "cerebrum_inference_first_token_seconds",
            "From a request's admission to its first token.",
            ["model"],
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._tokens = Counter(
            "cerebrum_inference_tokens",
            "Tokens by kind: prompt, those of it that were cached, completion.",
            ["model", "kind"],
            registry=self._registry,
        )
        self._pre_evaluated = Counter(
            "cerebrum_pre_evaluated_tokens",
            "Prompt tokens that were read in idle time, ahead of a request.",
            ["model"],
            registry=self._registry,
        )
        ProcessCollector(registry=self._registry)

    def show(self, now: Callable[[], tuple[Health, Stats]]) -> None:
        """Show the node at the moment of asking, too; then `expose` needs a running event loop."""
        self._registry.register(_Node(now))

    def expose(self) -> bytes:
        """Return the answer to `GET /metrics`."""
        return generate_latest(self._registry)

    def on_end(self, outcome: str, seconds: float) -> None:
        """Take note of a request's end."""
        self._duration.labels(outcome).observe(seconds)

    def on_first_token(self, model: str, seconds: float) -> None:
        """Take note of a request's first token."""
        self._first_token.labels(model).observe(seconds)

    def on_usage(self, model: str, usage: Usage) -> None:
        """Take note of the tokens of a request that was completed."""
        self._tokens.labels(model, "prompt").inc(usage.prompt_tokens)
        self._tokens.labels(model, "cached").inc(usage.cached_tokens)
        self._tokens.labels(model, "completion").inc(usage.completion_tokens)

    def on_pre_evaluation(self, model: str, usage: Usage) -> None:
        """Take note of the tokens of a prompt that was read ahead, as far as it was."""
        self._pre_evaluated.labels(model).inc(usage.prompt_tokens - usage.cached_tokens)


class _Node(Collector):
    """The node at the moment of asking."""

    def __init__(self, now: Callable[[], tuple[Health, Stats]]) -> None:
        self._now = now

    def describe(self) -> list[Metric]:
        """Return nothing: so that registering needs no running node."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield everything."""
        health, stats = self._now()
        tasks = len(asyncio.all_tasks())
        yield _gauge("cerebrum_event_loop_tasks", "What the service does side by side.", tasks)
        yield _gauge("cerebrum_inference_active", "Requests on a slot.", stats.active_requests)
        yield _gauge("cerebrum_inference_queued", "Requests that wait for one.", stats.queued)
        refused = CounterMetricFamily(
            "cerebrum_inference_refused", "Requests that were not taken.", value=stats.refused_total
        )
        restarts = CounterMetricFamily(
            "cerebrum_engine_restarts",
            "Engines started again after they had ended by themselves.",
            value=stats.engine_restarts_total,
        )
        yield from (refused, restarts, _residents(stats))
        yield CounterMetricFamily(
            "cerebrum_pre_evaluations",
            "Prompts that were read in idle time, whole or until others needed the machine.",
            value=stats.pre_evaluated_total,
        )
        yield from _machine(health)


def _residents(stats: Stats) -> Metric:
    family = GaugeMetricFamily(
        "cerebrum_model_resident", "1 for each model in memory.", labels=["model", "state"]
    )
    for model in stats.models:
        family.add_metric([model.name, model.state], 1)
    return family


def _machine(health: Health) -> Iterator[Metric]:
    yield _gauge(
        "cerebrum_machine_accepting", "1 if a request sent now would be taken.", health.accepting
    )
    yield _gauge(
        "cerebrum_machine_others_cpu_ratio",
        "Of the cores it may use: taken by others that don't give way.",
        health.others_cpu_percent / 100,
    )
    yield _gauge(
        "cerebrum_machine_memory_available_bytes",
        "What may be taken without anything being swapped out.",
        health.memory_available_mb * MIB,
    )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)
