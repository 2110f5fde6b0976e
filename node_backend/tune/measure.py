"""Measures how fast this machine runs a model, setting by setting, on the real engine."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from node_backend.cards import Cards
from node_backend.core.tuning_trials import ANSWER_TOKENS, PROMPT_TOKENS, Speed, Trial
from node_backend.engines.base import Engine, Finished, Order, RawPrompt
from node_backend.engines.llama_cpp import LlamaCppEngine, Objection
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.errors import EngineFailedError

CONTEXT_TOKENS = 1024  # more than is read and written here, and little to set up
FEWEST_ROUNDS, MOST_ROUNDS = 2, 12  # the best one counts: what disturbs only makes it slower
ENOUGH_S = 1.0  # of rounds, on a fast machine
WARM_UP = (16, 4)  # tokens to read and to write
LONGEST_ROUND_S = 8.0  # on a machine that needs longer, less is read and written
LINE = "    total_{0} = values[{0}] * {1} + offset\n"
LINE_TOKENS = 14  # about, in the vocabularies of code models


@dataclass
class Report:
    """What came of measuring."""

    measured: dict[Trial, Speed] = field(default_factory=dict)
    failed: dict[Trial, str] = field(default_factory=dict)
    repeated: set[Trial] = field(default_factory=set)
    """What was measured twice; the better figures count."""
    is_complete: bool = True
    """False when the time was over before all was measured that might have been better."""

    def note(self, trial: Trial, speed: Speed) -> None:
        """Take a measurement in."""
        if earlier := self.measured.get(trial):
            self.repeated.add(trial)
            speed = Speed(max(earlier.prefill, speed.prefill), max(earlier.decode, speed.decode))
        self.measured[trial] = speed


async def measure(
    base: EngineSettings,
    next_after: Callable[[Report], Trial | None],
    budget_s: float,
    on_trial: Callable[[Trial], None],
    objection: Objection = lambda *_: None,
) -> Report:
    """Measure what `next_after` asks for, until it asks for nothing more or for `budget_s`.

    `base`: how the model is to be run otherwise. `objection`: why it must not be started.
    """
    report, cards = Report(), Cards()
    begun, longest_s = time.monotonic(), 0.0
    while trial := next_after(report):
        trial_begun = time.monotonic()
        left_s = budget_s - (trial_begun - begun)
        report.is_complete = left_s > longest_s
        if not report.is_complete:
            break
        on_trial(trial)
        engine = LlamaCppEngine(
            _settings(base, trial),
            load_timeout_s=left_s,
            stall_timeout_s=left_s,
            objection=objection,
            cards=cards,
        )
        try:
            async with asyncio.timeout(left_s):
                report.note(trial, await _speed(engine))
        except TimeoutError:
            report.is_complete = False
            break
        except EngineFailedError as error:
            report.failed[trial] = error.message
            report.repeated.add(trial)
        finally:
            await engine.unload()
        longest_s = max(longest_s, time.monotonic() - trial_begun)
    return report


def _settings(base: EngineSettings, trial: Trial) -> EngineSettings:
    return replace(
        base,
        context_tokens=CONTEXT_TOKENS,
        slots=1,
        prompt_cache_mib=0,
        threads=trial.threads,
        batch_tokens=trial.batch_tokens,
        kv_type=trial.kv_type,
    )


async def _speed(engine: Engine) -> Speed:
    await engine.load()
    warm = await _run(engine, 0, *WARM_UP)
    tokens = affordable(warm)
    begun, rounds = time.monotonic(), [await _run(engine, 1, *tokens)]
    while len(rounds) < FEWEST_ROUNDS or (
        len(rounds) < MOST_ROUNDS and time.monotonic() - begun < ENOUGH_S
    ):
        rounds.append(await _run(engine, len(rounds) + 1, *tokens))
    return Speed(max(each.prefill for each in rounds), max(each.decode for each in rounds))


def affordable(warm: Speed) -> tuple[int, int]:
    """Return how many tokens to read and to write in a round, from a first look at the speed."""
    share = min(1.0, LONGEST_ROUND_S / warm.completion_s)
    return max(WARM_UP[0], int(PROMPT_TOKENS * share)), max(WARM_UP[1], int(ANSWER_TOKENS * share))


async def _run(engine: Engine, number: int, prompt_tokens: int, answer_tokens: int) -> Speed:
    """Read a prompt that is in no cache, and write; raises EngineFailedError."""
    order = Order(RawPrompt(prompt(number, prompt_tokens)), slot=0, max_tokens=answer_tokens)
    async with aclosing(engine.generate(order)) as events:
        async for event in events:
            if isinstance(event, Finished):
                read = max(1, event.prompt_tokens - event.cached_tokens)
                return Speed(_rate(read, event.prefill_ms), _decode_rate(event))
    raise EngineFailedError("the engine ended before it had finished")


def prompt(number: int, tokens: int) -> str:
    """Return code of about so many tokens, another one for each `number` from its first line on."""
    lines = [f"def compute_{number}(values, offset):\n"]
    lines += [LINE.format(line, number + line) for line in range(max(1, tokens // LINE_TOKENS))]
    return "".join(lines)


def _decode_rate(finished: Finished) -> float:
    """Return the tokens a second that were written, the first of which reading has brought."""
    return _rate(max(1, finished.completion_tokens), finished.decode_ms)


def _rate(tokens: int, milliseconds: float) -> float:
    return tokens * 1000 / max(milliseconds, 0.001)
