"""One question to a model of the pool, its answer told as it comes."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from cerebrum_kit.wire import Message, ProgressEvent, StreamError, TokenEvent
from cerebrum_lsp.core.actions.extraction import has_ended
from cerebrum_lsp.core.actions.instructable import Candidate, best_instructed
from cerebrum_lsp.core.actions.prompts import Plan
from cerebrum_lsp.core.document import encodable
from cerebrum_lsp.errors import PoolRefusalError
from cerebrum_lsp.pool import Pool
from orchestrator.wire import CompleteRequest, DoneEvent, KnownModel, NodeStatus

REACHED = frozenset({"ready", "loading", "refusing"})
TAIL_CHARS = 60  # of the text so far: what a progress line has room for
STAGES = {
    "queued": "waiting for its turn",
    "loading": "loading the model",
    "prefill": "reading",
    "thinking": "thinking",
    "failover": "going on with another node",
}

Report = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """What a model answered; `is_cut` when it was not done but out of tokens."""

    text: str
    is_cut: bool


def model_of(nodes: Sequence[NodeStatus], chosen: str | None) -> str | None:
    """Return the model to ask of a pool, None where none follows instructions."""
    able = [node for node in nodes if node.state in REACHED and node.breaker != "open"]
    return best_instructed([each for node in able for each in _candidates(node)], chosen)


def _candidates(node: NodeStatus) -> Iterator[Candidate]:
    """Yield the models of a node that it has memory for; an older pool tells only their names."""
    if node.model:
        yield Candidate(node.model, is_loaded=True, chat=node.chat)
    known = node.known_models or [KnownModel(name=name) for name in node.models]
    for each in known:
        if each.loaded or each.fits is not False:
            yield Candidate(each.name, each.loaded, each.chat)


class Writer:
    """Asks a pool; one lane for each action, so that they don't supersede each other."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._client_id = uuid.uuid4().hex

    async def write(self, plan: Plan, model: str, lane: str, report: Report) -> Written:
        """Return the answer; to cancel it closes the stream, which frees the node.

        Raises PoolUnreachableError or PoolRefusalError.
        """
        request = CompleteRequest(
            messages=[
                Message(role="system", content=plan.system),
                Message(role="user", content=encodable(plan.user)),
            ],
            model=model,
            max_tokens=plan.max_tokens,
            temperature=0.0,
            mode="fast",
            client_id=self._client_id,
            document_id=lane,
        )
        text = ""
        async with aclosing(self._pool.complete(request)) as events:
            async for incoming in events:
                match incoming:
                    case TokenEvent():
                        text += incoming.token
                        report(f"{incoming.total_tokens} tokens: {_tail(text)}")
                        if plan.ends_with_code and has_ended(text):
                            return Written(text, is_cut=False)
                    case ProgressEvent():
                        report(f"{model}: {STAGES[incoming.stage]}")
                    case StreamError():
                        message, again_s = incoming.message, incoming.retry_after_s
                        raise PoolRefusalError(incoming.error, message, again_s)
                    case DoneEvent():
                        return Written(text, is_cut=incoming.finish_reason == "length")
        return Written(text, is_cut=True)


def _tail(text: str) -> str:
    """Return the end of a text on one line."""
    line = " ".join(text[-4 * TAIL_CHARS :].split())
    return line if len(line) <= TAIL_CHARS else f"…{line[-TAIL_CHARS:]}"
