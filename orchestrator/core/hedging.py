"""When a second node is asked for what a first one is late with, and how often that may be. Pure.

After J. Dean and L. A. Barroso, "The Tail at Scale" (2013): ask again at the 95th percentile, and
the load grows by no more than a twentieth.
"""

from dataclasses import dataclass

from orchestrator.core.prediction import Prediction
from orchestrator.core.snapshot import NodeSnapshot


@dataclass
class HedgeBudget:
    """Lets at most `share` of all requests be asked twice; what is not used is not saved up."""

    share: float = 0.05
    saved: float = 0.0

    def on_request(self) -> None:
        """Take note of a request that might be asked twice."""
        self.saved = min(1.0, self.saved + self.share)

    def take(self) -> bool:
        """Spend one; return whether there was one."""
        if self.saved < 1.0 - 1e-9:  # twenty times a twentieth is a little less than one
            return False
        self.saved = 0.0
        return True


def hedge_after_s(prediction: Prediction | None, late_s: float | None) -> float | None:
    """Return when a first token is late: past the 95th percentile, and past its own prediction.

    None while too little is known to call anything late.
    """
    if prediction is None or late_s is None or not prediction.is_measured:
        return None
    return max(late_s, prediction.first_token_s)


def is_idle(node: NodeSnapshot) -> bool:
    """Whether asking the node costs nobody else anything."""
    is_well = node.state == "ready" and node.breaker == "closed" and not node.speeds.is_cold
    return is_well and node.can_be_asked and node.in_flight == 0
