"""What to measure next, and what the measurements say: the rules hold until something is faster.

One setting after the other is varied, starting from the rule and going on from what is best:
threads, then the prompt tokens of a step, then how keys and values are kept.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from node_backend.core.ledger import KvType
from node_backend.core.tuning_machine import Machine
from node_backend.core.tuning_rules import (
    Choice,
    Recommendation,
    Subject,
    recommend,
    with_threads,
)

PROMPT_TOKENS, ANSWER_TOKENS = (
    256,
    32,
)  # of a typical completion: what is new to the cache, and said
WORTH_IT = 0.9  # a setting is taken when it needs less than this share of the other one's time
LONGEST_STEP_S = 0.25  # a caller who leaves in the middle of a prompt is noticed after a step
BATCHES_TOKENS = (32, 128, 256)
KV_TYPES: tuple[KvType, ...] = ("f16", "q8_0")


@dataclass(frozen=True)
class Trial:
    """One setting of the engine."""

    threads: int
    batch_tokens: int
    kv_type: KvType

    @property
    def text(self) -> str:
        """The setting in words."""
        plural = "" if self.threads == 1 else "s"
        return f"{self.threads} thread{plural}, steps of {self.batch_tokens}, {self.kv_type}"


@dataclass(frozen=True)
class Speed:
    """Tokens a second."""

    prefill: float
    decode: float

    @property
    def completion_s(self) -> float:
        """How long a typical completion takes."""
        return PROMPT_TOKENS / self.prefill + ANSWER_TOKENS / self.decode


Measured = Mapping[Trial, Speed]
T = TypeVar("T")


def next_trial(
    machine: Machine,
    rule: Recommendation,
    measured: Measured,
    failed: Collection[Trial] = (),
    repeated: Collection[Trial] = (),
) -> Trial | None:
    """Return what to measure next, None when nothing is left that could be better.

    What beats the rule is measured once more, and so is the rule: the machine may have been busier
    the first time.
    """
    first = best = rule_trial(rule)
    if first not in measured:
        return None if first in failed else first
    for _, candidates in STAGES:
        trials = candidates(machine, best)
        for trial in trials:
            if trial not in measured and trial not in failed:
                return trial
        best = _better(best, trials, measured)
    rematch = (first, best) if best != first else ()
    return next((trial for trial in rematch if trial not in repeated), None)


def best_trial(
    machine: Machine, rule: Recommendation, measured: Measured, *, is_stand_in: bool = False
) -> Trial:
    """Return the setting to take.

    `is_stand_in`: measured was the bundled model, in whose place another one will run. It is so
    small that the time for keys and values says nothing of another.
    """
    best = rule_trial(rule)
    if best in measured:
        for field, candidates in STAGES:
            if field != "kv_type" or not is_stand_in:
                best = _better(best, candidates(machine, best), measured)
    return best


def tuned_by(
    machine: Machine, chosen: Subject | None, measured: Measured
) -> tuple[Recommendation, Trial]:
    """Return the recommendation after measuring, and the setting that it rests on.

    `chosen` is None when what was measured stands in for the largest usual model.
    """
    rule = recommend(machine, chosen)
    best = best_trial(machine, rule, measured, is_stand_in=chosen is None)
    if best.kv_type == rule.kv_type.value:
        return _with_measured(rule, measured, best), best
    other = recommend(machine, chosen, best.kv_type)
    if _room(other) >= _room(rule):
        return _with_measured(other, measured, best), best
    roomy = replace(best, kv_type=rule.kv_type.value)
    reason = f"{best.kv_type} is faster, but leaves room for {_room(other)} tokens only"
    tuned = _with_measured(rule, measured, roomy)
    return replace(tuned, kv_type=Choice(roomy.kv_type, reason)), roomy


def _room(recommendation: Recommendation) -> int:
    return recommendation.context_tokens.value * recommendation.slots.value


def _with_measured(rule: Recommendation, measured: Measured, best: Trial) -> Recommendation:
    """Return the recommendation with the setting that measured best in place of the rules'."""
    if best not in measured:
        return rule
    batch = _choice(rule.batch_tokens, best.batch_tokens, measured, best, "batch_tokens")
    return replace(
        with_threads(rule, _choice(rule.threads, best.threads, measured, best, "threads")),
        batch_tokens=batch,
        kv_type=_choice(rule.kv_type, best.kv_type, measured, best, "kv_type"),
    )


def rule_trial(rule: Recommendation) -> Trial:
    """Return the setting that the rules choose."""
    return Trial(rule.threads.value, rule.batch_tokens.value, rule.kv_type.value)


def time_text(seconds: float) -> str:
    """Render a time with three figures or so."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _better(best: Trial, others: list[Trial], measured: Measured) -> Trial:
    """Return the fastest of the others if its steps are short and it is worth it, else the best."""
    known = [trial for trial in others if trial in measured and _is_short(trial, best, measured)]
    fastest = min(known, key=lambda trial: measured[trial].completion_s, default=best)
    is_worth_it = measured[fastest].completion_s < measured[best].completion_s * WORTH_IT
    return fastest if is_worth_it else best


def _is_short(trial: Trial, best: Trial, measured: Measured) -> bool:
    if trial.batch_tokens <= best.batch_tokens:
        return True
    return trial.batch_tokens / measured[trial].prefill <= LONGEST_STEP_S


def _choice(rule: Choice[T], value: T, measured: Measured, best: Trial, field: str) -> Choice[T]:
    """Return what was taken, with the times of a completion so, and with other values of it."""
    others = [
        f"{getattr(trial, field)}: {time_text(speed.completion_s)}"
        for trial, speed in measured.items()
        if trial != best and replace(trial, **{field: getattr(best, field)}) == best
    ]
    if not others:
        return Choice(value, rule.reason)
    figures = f"measured {time_text(measured[best].completion_s)}; {', '.join(others)}"
    return Choice(value, f"{rule.reason}; {figures}" if value == rule.value else figures)


def _threads(machine: Machine, best: Trial) -> list[Trial]:
    """Half the cores, all cores, and all threads but one: where the rule is not, the best may be.

    Never all: with one of them taken by somebody else, every step waits for it.
    """
    most = max(1, machine.usable_threads - 1)
    counts = {max(1, machine.cores // 2), machine.cores, most} - {best.threads}
    return [replace(best, threads=count) for count in sorted(counts) if count <= most]


def _batches(_: Machine, best: Trial) -> list[Trial]:
    return [replace(best, batch_tokens=tokens) for tokens in BATCHES_TOKENS]


def _kv_types(_: Machine, best: Trial) -> list[Trial]:
    return [replace(best, kv_type=kind) for kind in KV_TYPES if kind != best.kv_type]


STAGES: tuple[tuple[str, Callable[[Machine, Trial], list[Trial]]], ...] = (
    ("threads", _threads),
    ("batch_tokens", _batches),
    ("kv_type", _kv_types),
)
