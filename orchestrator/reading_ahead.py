"""Has a prompt read ahead by the node that its next request will go to, in that node's idle time.

Never queued, hedged or failed over, and nothing is learned from it: neither of the node's speed nor
of its health. The node itself ends it as soon as anybody asks it for an answer.
"""

import time
from collections.abc import Callable
from contextlib import aclosing

from cerebrum_kit.wire import ProgressEvent, TokenEvent
from node_backend.wire import DoneEvent as NodeDone
from orchestrator.choices import Chooser
from orchestrator.core.admission import Admission
from orchestrator.core.prediction import Tolerance, allow
from orchestrator.core.routing import Route
from orchestrator.errors import LoadShedError
from orchestrator.life import Events, Life
from orchestrator.nodes import Accepted
from orchestrator.pool import Pool
from orchestrator.translate import ending
from orchestrator.wire import RouteEvent

RETRY_AFTER_S = 30.0  # nobody waits for it, so it can wait until others have paused


class ReadingAhead:
    """Carries out requests to pre-evaluate a prompt."""

    def __init__(
        self,
        pool: Pool,
        chooser: Chooser,
        admission: Admission,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._chooser = chooser
        self._admission = admission
        self._clock = clock

    async def run(self, life: Life, tolerance: Tolerance) -> Events:
        """Yield the route, the progress and the end. Raises LoadShedError unless there is time."""
        chosen = None if self._admission.waiting else self._chooser.idle(life)
        if chosen is None:
            raise _no_time("the pool is not idle")
        member, prediction = self._pool.members[chosen.node], chosen.prediction
        assert member.client is not None  # noqa: S101 - an idle node has an address
        assert prediction is not None  # noqa: S101 - and was predicted
        life.admitted_at, life.node = self._clock(), chosen.node
        asked = life.asked.model_copy(update={"model": chosen.model or life.asked.model})
        answers = member.client.infer(asked, allow(prediction, 0, tolerance))
        async with aclosing(answers):
            while (event := await life.lifetime.wait(anext(answers, None))) is not None:
                match event:
                    case Accepted():
                        yield _route(life, chosen)
                    case ProgressEvent():
                        yield event
                    case TokenEvent():  # a node of an older version takes it for a request
                        raise _no_time(f"{chosen.node} can't read ahead")
                    case NodeDone():
                        if event.finish_reason != "cancelled":
                            member.keep_prefix(asked.cache_key, chosen.model or event.model)
                        yield ending(chosen.node, event, life.timings(self._clock()), life.context)


def _route(life: Life, chosen: Route) -> RouteEvent:
    reason = f"{chosen.reason}; it is idle"
    return RouteEvent(request_id=life.id, node=chosen.node, model=chosen.model, reason=reason)


def _no_time(why: str) -> LoadShedError:
    return LoadShedError(why, retry_after_s=RETRY_AFTER_S, details={"reason": "not-idle"})
