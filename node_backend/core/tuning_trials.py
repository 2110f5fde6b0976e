"""What to measure next, and what the measurements say: the rules hold until something is better.

One setting after the other is varied, starting from the rule and going on from what is best:
threads, then the prompt tokens of a step, then how keys and values are kept. Better is what needs
less time for a completion; of steps those that are short enough, since a caller who leaves in the
middle of a prompt is noticed after one step, and gone after a second.

What the bundled model measures decides nothing: it fits into a core's cache, where threads, steps
and keys and values cost nothing of what they cost a model that is worth running.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import takewhile
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
LONGEST_STEP_S = 0.25  # two of them are what a caller who left may still cost others
STEP_COST = 1.25  # a completion may take so much longer for steps that are short enough
SHORTER_TOKENS, LONGER_TOKENS = (32, 16), (128, 256)
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
    for candidates, choose in STAGES:
        trials = candidates(machine, best, measured)
        for trial in trials:
            if trial not in measured and trial not in failed:
                return trial
        best = choose(best, trials, measured)
    rematch = (first, best) if best != first else ()
    return next((trial for trial in rematch if trial not in repeated), None)


def best_trial(machine: Machine, rule: Recommendation, measured: Measured) -> Trial:
    """Return the setting to take."""
    best = rule_trial(rule)
    if best in measured:
        for candidates, choose in STAGES:
            best = choose(best, candidates(machine, best, measured), measured)
    return best


def tuned_by(machine: Machine, chosen: Subject, measured: Measured) -> tuple[Recommendation, Trial]:
    """Return the recommendation after measuring `chosen`, and the setting that it rests on."""
    rule = recommend(machine, chosen)
    best = best_trial(machine, rule, measured)
    if best.kv_type == rule.kv_type.value:
        return _with_measured(rule, rule, measured, best), best
    other = recommend(machine, chosen, best.kv_type)
    if _room(other) >= _room(rule):
        return _with_measured(other, rule, measured, best), best
    roomy = replace(best, kv_type=rule.kv_type.value)
    reason = f"{best.kv_type} is faster, but leaves room for {_room(other)} tokens only"
    tuned = _with_measured(rule, rule, measured, roomy)
    return replace(tuned, kv_type=Choice(roomy.kv_type, reason)), roomy


def _room(recommendation: Recommendation) -> int:
    return recommendation.context_tokens.value * recommendation.slots.value


def _with_measured(
    chosen: Recommendation, rule: Recommendation, measured: Measured, best: Trial
) -> Recommendation:
    """Return what was chosen with the setting that measured best in place of the rule's."""
    threads = replace(rule_trial(rule), threads=best.threads)
    steps = replace(threads, batch_tokens=best.batch_tokens)
    if steps not in measured:
        return chosen
    return replace(
        with_threads(chosen, _choice(rule.threads, measured, threads, "threads")),
        batch_tokens=_choice(rule.batch_tokens, measured, steps, "batch_tokens"),
        kv_type=_choice(rule.kv_type, measured, best, "kv_type"),
    )


def rule_trial(rule: Recommendation) -> Trial:
    """Return the setting that the rules choose."""
    return Trial(rule.threads.value, rule.batch_tokens.value, rule.kv_type.value)


def time_text(seconds: float) -> str:
    """Render a time with three figures or so."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _faster(best: Trial, others: list[Trial], measured: Measured) -> Trial:
    """Return the fastest of the others if it is worth it, else the best so far."""
    known = [trial for trial in others if trial in measured]
    fastest = min(known, key=lambda trial: measured[trial].completion_s, default=best)
    is_worth_it = measured[fastest].completion_s < measured[best].completion_s * WORTH_IT
    return fastest if is_worth_it else best


def _stepped(best: Trial, others: list[Trial], measured: Measured) -> Trial:
    """Return the fastest with short steps, or, if the best's are long, the shortest steps so far.

    These may be slower, but not at any price; the shortest are the first that are short enough,
    since nothing below is measured.
    """
    known = [trial for trial in others if trial in measured]
    if _step_s(best, measured) <= LONGEST_STEP_S:
        short = [trial for trial in known if _step_s(trial, measured) <= LONGEST_STEP_S]
        return _faster(best, short, measured)
    most_s = measured[best].completion_s * STEP_COST
    bearable = [trial for trial in known if measured[trial].completion_s <= most_s]
    return min(bearable, key=lambda trial: _step_s(trial, measured), default=best)


def _step_s(trial: Trial, measured: Measured) -> float:
    return trial.batch_tokens / measured[trial].prefill


def _choice(rule: Choice[T], measured: Measured, best: Trial, field: str) -> Choice[T]:
    """Return what was taken, with the times of a completion so, and with other values of it.

    `best` is what was best when this was decided.
    """
    value: T = getattr(best, field)
    others = [
        f"{getattr(trial, field)}: {time_text(speed.completion_s)}{_but(trial, best, measured)}"
        for trial, speed in measured.items()
        if trial != best and replace(trial, **{field: getattr(best, field)}) == best
    ]
    if not others:
        return Choice(value, rule.reason)
    figures = f"measured {time_text(measured[best].completion_s)}; {', '.join(others)}"
    return Choice(value, f"{rule.reason}; {figures}" if value == rule.value else figures)


def _but(trial: Trial, best: Trial, measured: Measured) -> str:
    """Return why a trial that was faster than the best is not the best, if it was."""
    if measured[trial].completion_s >= measured[best].completion_s:
        return ""
    if trial.batch_tokens > best.batch_tokens and _step_s(trial, measured) > LONGEST_STEP_S:
        return f" in steps of {time_text(_step_s(trial, measured))}"
    return ", too little to count"


def _threads(machine: Machine, best: Trial, _: Measured) -> list[Trial]:
    """Half the cores, all cores, and all threads but one: where the rule is not, the best may be.

    Never all: with one of them taken by somebody else, every step waits for it.
    """
    most = max(1, machine.usable_threads - 1)
    counts = {max(1, machine.cores // 2), machine.cores, most} - {best.threads}
    return [replace(best, threads=count) for count in sorted(counts) if count <= most]


def _batches(_: Machine, best: Trial, measured: Measured) -> list[Trial]:
    """Longer steps, or shorter ones until they are short enough."""

    def is_long(trial: Trial) -> bool:
        return trial in measured and _step_s(trial, measured) > LONGEST_STEP_S

    sizes = SHORTER_TOKENS if is_long(best) else LONGER_TOKENS
    trials = [replace(best, batch_tokens=tokens) for tokens in sizes]
    return trials[: len(list(takewhile(is_long, trials))) + 1] if is_long(best) else trials


def _kv_types(_: Machine, best: Trial, __: Measured) -> list[Trial]:
    return [replace(best, kv_type=kind) for kind in KV_TYPES if kind != best.kv_type]


Candidates = Callable[[Machine, Trial, Measured], list[Trial]]
Chooser = Callable[[Trial, list[Trial], Measured], Trial]
STAGES: tuple[tuple[Candidates, Chooser], ...] = (
    (_threads, _faster),
    (_batches, _stepped),
    (_kv_types, _faster),
)
