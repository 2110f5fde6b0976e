"""The training loop: a budget in minutes, a linear decay to zero, checkpoints, a running average.

The schedule follows the clock (training time spent, kept across resumes), because the budget on a
shared machine is minutes, not steps.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tools.train_model.network import Network, Shape
from tools.train_model.optimizer import optimizers
from tools.train_model.schedule import Report, rate, row_length
from tools.train_model.stream import Row, Stream

TOKENS_PER_STEP = 4096
MATRIX_LR, OTHER_LR, DECAY = 0.013, 2.6e-3, 0.1
AVERAGE_DECAY = 0.995
MAX_NORM = 1.0
CHECKPOINT_SECONDS = 120.0
REPORT_STEPS = 20


def batch(rows: Iterator[Row], length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take inputs, targets, weights and parts, each (TOKENS_PER_STEP / length, length)."""
    taken = [next(rows) for _ in range(TOKENS_PER_STEP // length)]
    ids = torch.tensor([row.ids for row in taken])
    targets = torch.tensor([row.targets for row in taken])
    weights = torch.tensor([row.weights for row in taken])
    parts = torch.tensor([row.parts for row in taken])
    return ids, targets, weights, parts


class Trainer:
    """State of a run; ``train`` continues it until its budget is spent."""

    def __init__(self, shape: Shape, stream: Stream, folder: Path, compiled: bool = True) -> None:
        torch.manual_seed(0)
        self.network = Network(shape)
        self.average = Network(shape)
        self.optimizers = optimizers(self.network, MATRIX_LR, OTHER_LR, DECAY)
        self.stream, self.folder = stream, folder
        self.step, self.tokens, self.seconds = 0, 0, 0.0
        self._head_loss: Callable[..., Tensor] = self._weighted_loss
        if compiled:
            # Layer by layer: all layers share one compiled program, which is ready in seconds.
            for block in self.network.blocks:
                block.compile(dynamic=False)
            self._head_loss = torch.compile(self._weighted_loss, dynamic=False)

    @property
    def checkpoint(self) -> Path:
        """Where the state is kept."""
        return self.folder / "checkpoint.pt"

    def _weighted_loss(self, features: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        logits = self.network.head(features)
        losses = functional.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten(), reduction="none"
        )
        flat = weights.flatten()
        return (losses * flat).sum() / flat.sum()

    def _update(self, data: tuple[Tensor, Tensor, Tensor, Tensor], factor: float) -> float:
        ids, targets, weights, parts = data
        with torch.autocast("cpu", torch.bfloat16):
            loss = self._head_loss(self.network.features(ids, parts), targets, weights)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), MAX_NORM)
        for optimizer, base in zip(self.optimizers, (MATRIX_LR, OTHER_LR), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = base * factor
            optimizer.step()
            optimizer.zero_grad()
        decay = min(AVERAGE_DECAY, self.step / (self.step + 10))
        with torch.no_grad():
            for kept, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        return loss.item()

    def train(
        self,
        budget: float,
        say: Callable[[Report], None],
        on_checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        """Train until ``budget`` seconds of training time are spent; save now and then."""
        length, loss, saved, shown = 0, 0.0, self.seconds, self.seconds
        rows: Iterator[Row] = iter(())
        while self.seconds < budget:
            start = time.monotonic()
            progress = self.seconds / budget
            if row_length(progress) != length:
                length = row_length(progress)
                rows = self.stream.rows(length)
            loss += self._update(batch(rows, length), rate(progress)) / REPORT_STEPS
            self.step += 1
            self.tokens += TOKENS_PER_STEP
            self.seconds += time.monotonic() - start
            if self.step % REPORT_STEPS == 0:
                speed = REPORT_STEPS * TOKENS_PER_STEP / (self.seconds - shown)
                epoch = self.stream.epoch
                say(
                    Report(self.step, self.tokens, self.seconds, budget, loss, epoch, length, speed)
                )
                loss, shown = 0.0, self.seconds
            if self.seconds - saved > CHECKPOINT_SECONDS:
                self.save()
                on_checkpoint()
                saved = self.seconds
        self.save()

    def save(self) -> None:
        """Write the checkpoint beside the old one and rename it, so that a kill loses nothing."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "tokens": self.tokens,
            "seconds": self.seconds,
            "epoch": self.stream.epoch,
        }
        fresh = self.checkpoint.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.checkpoint)

    def resume(self) -> None:
        """Continue from the checkpoint; the stream goes on with other dice."""
        state: dict[str, Any] = torch.load(self.checkpoint, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.tokens = state["step"], state["tokens"]
        self.seconds, self.stream.epoch = state["seconds"], state["epoch"]
        self.stream.rng = random.Random(self.step)
