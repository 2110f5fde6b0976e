"""From what a caller asks to what a node is asked, and from a node's ending to the caller's."""

import hashlib
from collections.abc import Callable

from cerebrum_kit.errors import TooLargeError
from node_backend.wire import DoneEvent as NodeDone
from node_backend.wire import InferenceRequest, InfillWithSnippets
from orchestrator.retrieval.pipeline import Prepared, prepare_instruct, prepare_prompt
from orchestrator.wire import CompleteRequest, ContextReport, DoneEvent, NodeTimings, Timings

MAX_PROMPT_BYTES = 16_384  # of a raw prompt; more would keep a small machine busy for minutes
MAX_STOPS = 16  # the wire's own limit
MAX_PREPARING_S = 0.05  # the loop stands still meanwhile; 16 KB take a tenth of that


def refuse_too_large(request: CompleteRequest) -> None:
    """Raise TooLargeError for a raw prompt over 16 KB."""
    if request.prompt is not None and len(request.prompt.encode()) > MAX_PROMPT_BYTES:
        raise TooLargeError(f"a raw prompt may have {MAX_PROMPT_BYTES} bytes")


def to_node(
    request: CompleteRequest, clock: Callable[[], float]
) -> tuple[InferenceRequest, ContextReport]:
    """Return what to ask a node for `request`, and what became of its text on the way.

    It is always asked for a stream, which can be cancelled.
    """
    asked = _common(request)
    prepared = _prepare(request, clock)
    if prepared is not None:
        stops = [*([prepared.stop] if prepared.stop else []), *request.stop][:MAX_STOPS]
        asked = asked.model_copy(update={"prompt": prepared.prompt, "stop": stops})
        return asked, ContextReport.model_validate(prepared.report, from_attributes=True)
    return asked, ContextReport(chars_in=_chars_in(request), chars_out=_chars_out(asked))


def _prepare(request: CompleteRequest, clock: Callable[[], float]) -> Prepared | None:
    """Pass raw prompts and instructions through the prompt pipeline (O3); None for the rest."""
    late_at = clock() + MAX_PREPARING_S

    def is_late() -> bool:
        return clock() > late_at

    if request.instruct is not None:
        instruct = request.instruct
        language = request.language or instruct.path
        return prepare_instruct(instruct.instruction, instruct.code, language, stop=is_late)
    if request.prompt is not None:
        return prepare_prompt(request.prompt, request.language, stop=is_late)
    return None


def _common(request: CompleteRequest) -> InferenceRequest:
    common = InferenceRequest(
        prompt=request.prompt or "",
        max_tokens=request.max_tokens,
        temperature=request.temperature,
        stop=request.stop,
        model=request.model,
        stream=True,
        cache_key=cache_key(request.client_id, request.document_id),
        continue_from=request.continue_from,
        purpose=request.purpose,
    )
    if request.messages is not None:
        return common.model_copy(update={"prompt": None, "messages": request.messages})
    if request.infill is not None:
        infill = InfillWithSnippets(
            prefix=request.infill.prefix,
            suffix=request.infill.suffix,
            path=request.infill.path,
            snippets=request.snippets,
        )
        return common.model_copy(update={"prompt": None, "infill": infill})
    return common


def cache_key(client_id: str | None, document_id: str | None) -> str | None:
    """Return what keeps a document on one slot of the node, without telling it who asks."""
    if client_id is None and document_id is None:
        return None
    name = f"{client_id or ''}\0{document_id or ''}".encode()
    return hashlib.blake2b(name, digest_size=16).hexdigest()


def ending(node: str, done: NodeDone, timings: Timings, context: ContextReport) -> DoneEvent:
    """Return the caller's last event for the node's."""
    return DoneEvent(
        finish_reason=done.finish_reason,
        model=done.model,
        node=node,
        usage=done.usage,
        timings=timings,
        node_timings=NodeTimings.model_validate(done.timings.model_dump()),
        context=context,
    )


def _chars_in(request: CompleteRequest) -> int:
    chars = sum(len(snippet.text) for snippet in request.snippets)
    if request.infill is not None:
        chars += len(request.infill.prefix) + len(request.infill.suffix)
    return chars + sum(len(turn.content) for turn in request.messages or ())


def _chars_out(asked: InferenceRequest) -> int:
    if asked.messages is not None:
        return sum(len(turn.content) for turn in asked.messages)
    if asked.infill is None:
        return len(asked.prompt or "")
    snippets = sum(len(snippet.text) for snippet in asked.infill.snippets)
    return len(asked.infill.prefix) + len(asked.infill.suffix) + snippets
