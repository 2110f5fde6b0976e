"""What a machine should run a model with, and why: rules, where nothing was measured.

The rules give the figures that worked on a machine with 12 cores, 24 threads and 32 GB, which ran
models of 7 billion parameters for several people, and give smaller machines their share of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from node_backend.core.cores import engine_threads
from node_backend.core.ledger import MIB, KvType, Plan, TooLarge, fits, needs_of
from node_backend.core.model_shape import Shape
from node_backend.core.tuning_machine import GIB, Machine

CONTEXTS_TOKENS = (8192, 4096, 2048, 1024)  # more than the first takes a CPU minutes to read
USEFUL_CONTEXT_TOKENS = 4096  # a file, and what it uses of others
THREADS_PER_SLOT = 5  # fewer, and each of those who are served at once waits too long
FEWEST_SLOTS, MOST_SLOTS = 2, 4  # two: what is typed now, and what was not cancelled in time
MEMORY_SHARE = 5 / 8  # of the machine's memory: the rest is for the page cache and for others
LARGE_BYTES, LEAST_MIB = 8 * GIB, 256
KEPT_BYTES = GIB  # at least this is left to others, as the node's guard has it
BATCH_TOKENS = 64  # a caller who left is noticed between steps
PROMPT_CACHE_BYTES = 256 * MIB
MOST_MODELS = 3
CPU_WEIGHT = 100  # the system's default: the quota keeps the machine usable, not the weight

KV_REASONS: Mapping[KvType, str] = {
    "f16": "as the model was trained",
    "q8_0": "half of what f16 takes, at hardly a loss",
    "q4_0": "a quarter of what f16 takes, at some loss",
}
NEEDED = "quantised values can't be read without it"
FLASH_REASONS: Mapping[KvType, str] = {
    "f16": "it needs less memory than going without",
    "q8_0": NEEDED,
    "q4_0": NEEDED,
}

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Choice(Generic[T_co]):
    """A value, and the reason for it in a clause."""

    value: T_co
    reason: str


@dataclass(frozen=True)
class Recommendation:
    """How to run a model on a machine."""

    subject: str
    """The model that it is for."""
    threads: Choice[int]
    batch_tokens: Choice[int]
    slots: Choice[int]
    context_tokens: Choice[int]
    """Per slot."""
    kv_type: Choice[KvType]
    flash_attention: Choice[bool]
    loaded_models: Choice[int]
    cpu_quota_percent: Choice[int]
    """Of one hardware thread."""
    cpu_weight: Choice[int]
    memory_max_mib: Choice[int]
    warning: str | None = None
    """Why it can't work all the same."""


@dataclass(frozen=True)
class Subject:
    """The model that is tuned for."""

    name: str
    shape: Shape


def _qwen(name: str, parameters: float, file_gb: float, layers: int, width: int) -> Subject:
    shape = Shape(
        architecture="qwen2",
        weights_bytes=int(file_gb * 1e9),
        repacked_bytes=0,
        parameters=int(parameters * 1e9),
        vocabulary=151_936,
        width=width,
        hidden=width * 6,
        trained_context_tokens=32_768,
        kv_per_token=((4 if width > 3000 else 2) * 256,) * layers,
        windowed=(False,) * layers,
        window_tokens=0,
    )
    return Subject(name, shape)


USUAL_SUBJECTS = (  # Qwen2.5-Coder as Q4_K_M; sizes and shapes as published
    _qwen("qwen2.5-coder:7b", 7.62, 4.68, layers=28, width=3584),
    _qwen("qwen2.5-coder:3b", 3.09, 1.93, layers=36, width=2048),
    _qwen("qwen2.5-coder:1.5b", 1.54, 0.99, layers=28, width=1536),
    _qwen("qwen2.5-coder:0.5b", 0.49, 0.40, layers=24, width=896),
)


def recommend(
    machine: Machine, chosen: Subject | None = None, kv_type: KvType = "q8_0"
) -> Recommendation:
    """Return what the rules say for `chosen`, or for the largest usual model that fits."""
    memory_mib = memory_max_mib(machine)
    threads = engine_threads(machine.usable_threads)
    slots = max(FEWEST_SLOTS, min(MOST_SLOTS, threads // THREADS_PER_SLOT))
    subject = chosen or _largest_that_fits(slots, memory_mib * MIB)
    plan = _plan_that_fits(subject.shape, slots, kv_type, memory_mib * MIB)
    needs = needs_of(subject.shape, plan)
    verdict = fits(subject.shape, plan, memory_mib * MIB)
    models = max(1, min(MOST_MODELS, memory_mib * MIB // needs.total))
    kv = f"{needs.kv / GIB:.2f} GiB as {plan.kv_type}"
    return Recommendation(
        subject=subject.name,
        threads=Choice(threads, _threads_reason(machine, threads)),
        batch_tokens=Choice(BATCH_TOKENS, "a caller who left is noticed between two steps"),
        slots=Choice(plan.slots, _slots_reason(plan.slots, slots)),
        context_tokens=Choice(
            plan.context_tokens, f"for {plan.slots} at once it takes {kv} ({subject.name})"
        ),
        kv_type=Choice(plan.kv_type, KV_REASONS[plan.kv_type]),
        flash_attention=Choice(value=True, reason=FLASH_REASONS[plan.kv_type]),
        loaded_models=Choice(
            models, f"{subject.name} needs {needs.total / GIB:.1f} GiB with its contexts"
        ),
        cpu_quota_percent=Choice(threads * 100, "the threads, and no more"),
        cpu_weight=Choice(CPU_WEIGHT, "as any other service; the quota keeps the machine usable"),
        memory_max_mib=Choice(
            memory_mib, f"of {machine.memory_bytes / GIB:.1f} GiB; the rest caches files"
        ),
        warning=verdict.explain() if isinstance(verdict, TooLarge) else None,
    )


def memory_max_mib(machine: Machine) -> int:
    """Return the memory that the service may have: whole GiB, on small machines quarters."""
    most = min(machine.memory_bytes * MEMORY_SHARE, machine.memory_bytes - KEPT_BYTES)
    if most >= LARGE_BYTES:
        return round(most / GIB) * 1024
    return max(LEAST_MIB, int(most / GIB * 4) * 256)


def with_threads(recommendation: Recommendation, threads: Choice[int]) -> Recommendation:
    """Return the same with other threads, and the quota that goes with them."""
    quota = Choice(threads.value * 100, recommendation.cpu_quota_percent.reason)
    return replace(recommendation, threads=threads, cpu_quota_percent=quota)


def _threads_reason(machine: Machine, threads: int) -> str:
    shared = f" on {machine.cores} cores" if machine.shares_cores else ""
    left = machine.usable_threads - threads
    return f"of {machine.usable_threads}{shared}; {left} left, so that others don't stall it"


def _slots_reason(slots: int, wanted: int) -> str:
    if slots < wanted:
        return "more have no room for a context worth having"
    return f"one for every {THREADS_PER_SLOT} threads, and at least {FEWEST_SLOTS}"


def _largest_that_fits(slots: int, memory_bytes: int) -> Subject:
    """Return the largest usual model that leaves room for contexts one can work with."""
    plan = Plan(USEFUL_CONTEXT_TOKENS, slots, BATCH_TOKENS, PROMPT_CACHE_BYTES, "q8_0")
    for subject in USUAL_SUBJECTS:
        if needs_of(subject.shape, plan).total <= memory_bytes:
            return subject
    return USUAL_SUBJECTS[-1]


def _plan_that_fits(shape: Shape, slots: int, kv_type: KvType, memory_bytes: int) -> Plan:
    """Return the longest context for all slots that fits, for fewer slots if none does."""
    for plan in _plans(shape, slots, kv_type):
        if needs_of(shape, plan).total <= memory_bytes:
            return plan
    return plan


def _plans(shape: Shape, slots: int, kv_type: KvType) -> Iterator[Plan]:
    trained = shape.trained_context_tokens
    contexts = [tokens for tokens in CONTEXTS_TOKENS if tokens <= trained] or [trained]
    for count in range(slots, 0, -1):
        for tokens in contexts:
            yield Plan(tokens, count, BATCH_TOKENS, PROMPT_CACHE_BYTES, kv_type)
