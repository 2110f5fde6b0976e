"""Optimizers: Muon for the hidden matrices, AdamW for everything else.

Muon (Jordan 2024, "Muon: An optimizer for hidden layers in neural networks") takes the momentum of
a matrix and replaces it by the nearest semi-orthogonal one, found with five Newton-Schulz steps of
an odd quintic polynomial. Matrices of one shape are stacked, so that a step is a few batched
products instead of dozens of small ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# The quintic's coefficients as published: steep at zero, so that small singular values grow fast.
QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalise(stack: Tensor, steps: int = 5) -> Tensor:
    """Bring all singular values of each matrix in ``stack`` (count, rows, columns) near to one."""
    a, b, c = QUINTIC
    tall = stack.shape[-2] > stack.shape[-1]
    # bfloat16 suffices for a direction (as published), and is three times as fast.
    x = (stack.mT if tall else stack).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    result: Tensor = (x.mT if tall else x).type_as(stack)
    return result


class Muon(torch.optim.Optimizer):
    """Momentum (Nesterov), orthogonalised, with decoupled weight decay."""

    def __init__(
        self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Apply one update; gradients must be there."""
        for group in self.param_groups:
            stacks: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for p in group["params"]:
                stacks[p.shape].append(p)
            for shape, params in stacks.items():
                self._step_stack(group, shape, params)

    def _step_stack(self, group: dict[str, Any], shape: torch.Size, params: list[Tensor]) -> None:
        ahead = []
        for p in params:
            assert p.grad is not None
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            buffer.lerp_(p.grad, 1 - group["momentum"])
            ahead.append(p.grad.lerp(buffer, group["momentum"]))
        updates = orthogonalise(torch.stack(ahead))
        # A tall matrix's update is made larger, so that its output moves as much as a wide one's.
        scale = max(1.0, shape[0] / shape[1]) ** 0.5
        for p, update in zip(params, updates, strict=True):
            p.mul_(1 - group["lr"] * group["decay"])
            p.add_(update, alpha=-group["lr"] * scale)


def optimizers(
    network: nn.Module, matrix_lr: float, other_lr: float, decay: float
) -> list[torch.optim.Optimizer]:
    """Muon over the layers' matrices, and AdamW over the embedding and the norms."""
    matrices, table, norms = [], [], []
    for name, p in network.named_parameters():
        if p.ndim < 2:
            norms.append(p)
        elif "embedding" in name:
            table.append(p)
        else:
            matrices.append(p)
    groups = [{"params": table, "weight_decay": decay}, {"params": norms, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=other_lr, betas=(0.9, 0.97), eps=1e-10)
    return [Muon(matrices, lr=matrix_lr, decay=decay), adam]
