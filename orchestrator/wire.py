"""The orchestrator's wire: what it accepts and answers. pydantic, nothing else."""

from typing import Annotated, Literal

from pydantic import Field

from cerebrum_kit.wire import (
    ErrorDetail,
    FinishReason,
    Identifier,
    Infill,
    Message,
    OneOf,
    Sampling,
    Snippet,
    Text,
    Usage,
    Wire,
)

DEFAULT_PORT = 7000

Mode = Literal["fast", "reliable", "async"]
Tier = Literal["code", "reasoning", "math", "light", "general"]
NodeState = Literal["unknown", "loading", "ready", "refusing", "unauthorized", "unreachable"]
BreakerState = Literal["closed", "open", "half-open"]


class Instruct(Wire):
    """An instruction, and the code that it is about."""

    instruction: Annotated[str, Field(min_length=1)]
    code: Text = ""
    path: Annotated[str, Field(max_length=4096)] | None = None


class CompleteRequest(OneOf, Sampling):
    """`POST /v1/complete`."""

    prompt: Text | None = None
    infill: Infill | None = None
    instruct: Instruct | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=256)] | None = None
    continue_from: Text = Field(
        default="",
        description="Text already generated for this request; generation goes on after it.",
    )
    language: Annotated[str, Field(max_length=64)] | None = None
    snippets: Annotated[list[Snippet], Field(max_length=64)] = Field(default_factory=list)
    tier: Tier | None = None
    mode: Mode | None = None
    priority: Annotated[int, Field(ge=0, le=10)] = 5
    min_success_rate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.95
    deadline_ms: Annotated[int, Field(ge=1, le=3_600_000)] | None = None
    client_id: Identifier | None = None
    document_id: Identifier | None = None

    @classmethod
    def input_kinds(cls) -> tuple[str, ...]:
        """Name the kinds of input."""
        return ("prompt", "infill", "instruct", "messages")


class Timings(Wire):
    """Milliseconds by stage, as the orchestrator saw them."""

    queue_ms: float = 0.0
    route_ms: float = 0.0
    context_ms: float = 0.0
    first_token_ms: float | None = None
    total_ms: float = 0.0


class NodeTimings(Wire):
    """Milliseconds by stage, as the node that served reported them."""

    queue_ms: float = 0.0
    load_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    first_token_ms: float | None = None


class ContextReport(Wire):
    """What the prompt pipeline made of the input."""

    chars_in: int = 0
    chars_out: int = 0
    chunks: int = 0
    unique: int = 0
    selected: int = 0


class Thought(Wire):
    """What a model thought about before it answered, if it did (its text came as progress)."""

    complexity: float = Field(description="Of the instruction, from 0 to 10.")
    tokens: int


class Ending(Wire):
    """What is known when a completion has ended, apart from its text."""

    finish_reason: FinishReason
    model: str
    node: str
    usage: Usage
    timings: Timings
    node_timings: NodeTimings
    context: ContextReport = ContextReport()
    thought: Thought | None = None
    from_cache: bool = Field(default=False, description="Known from before: no node was asked.")


class CompleteResponse(Ending):
    """The answer to `POST /v1/complete` without streaming."""

    text: str


class BatchRequest(Wire):
    """`POST /v1/complete/batch`: each a `CompleteRequest`; one that isn't fails for itself."""

    requests: Annotated[list[dict[str, object]], Field(min_length=1, max_length=256)]


class BatchResult(Wire):
    """What became of one request of a batch: exactly one of the two is set."""

    ok: CompleteResponse | None = None
    error: ErrorDetail | None = None


class BatchResponse(Wire):
    """The answer to `POST /v1/complete/batch`, in the order of the requests."""

    results: list[BatchResult]


class RouteEvent(Wire):
    """Where a request went and why (`event: route`)."""

    request_id: str
    node: str
    reason: str
    model: str | None = None
    predicted_first_token_ms: float | None = None


class DoneEvent(Ending):
    """The end of a stream that went well."""

    done: Literal[True] = True


class KnownModel(Wire):
    """A model that a node can run, and what the node says of it; None: it has not said."""

    name: str
    loaded: bool = Field(default=False, description="Whether it answers without being loaded.")
    fits: bool | None = Field(default=None, description="Whether the node's memory can hold it.")
    fim: bool | None = Field(default=None, description="Whether it fills in the middle.")
    chat: bool | None = Field(default=None, description="Whether it does what it is told to do.")
    context_tokens: int | None = Field(
        default=None, description="That a prompt and its answer may have together there."
    )


class NodeStatus(Wire):
    """One node as the orchestrator sees it."""

    name: str
    url: str
    state: NodeState
    model: str | None = None
    in_flight: int = 0
    breaker: BreakerState = "closed"
    reason: str | None = None
    retry_after_s: float | None = Field(
        default=None, description="When its open breaker is probed; as of when this was sent."
    )
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    models: list[str] = Field(default_factory=list, description="All that it can run.")
    fim: bool | None = Field(
        default=None, description="Whether its model fills in the middle, if it has said so."
    )
    chat: bool | None = Field(
        default=None, description="Whether its model does what it is told to do, likewise."
    )
    context_tokens: int | None = Field(
        default=None, description="That a prompt and its answer may have together in its model."
    )
    known_models: list[KnownModel] = Field(
        default_factory=list, description="What is known of each of `models`, in the same order."
    )


class Stats(Wire):
    """`GET /v1/stats`."""

    active_requests: int
    max_concurrent: int
    queued: int
    shed_total: int
    completed_total: int
    failed_total: int
    cancelled_total: int
    hedged_total: int = Field(default=0, description="Requests that were asked of two nodes.")
    pre_evaluated_total: int = Field(
        default=0, description="Prompts read in idle time; not among the other counts."
    )
    uptime_s: float
    editors: int = Field(description="Open event streams, each an editor's daemon.")
    nodes: list[NodeStatus]


class Health(Wire):
    """`GET /health`, open to all."""

    status: Literal["ok", "degraded", "down"]
    nodes_ready: int
    nodes_total: int
    version: str


class StateEvent(Wire):
    """The whole picture (`event: state`), the first event of `GET /v1/events`."""

    accepting: bool
    nodes: list[NodeStatus]


class AdmissionEvent(Wire):
    """The pool began or ceased to refuse (`event: admission`)."""

    accepting: bool
    retry_after_s: float | None = None


class ConsideredNode(Wire):
    """One node in a routing decision; the lowest score, compared item by item, wins."""

    node: str
    candidate: bool
    why: str
    model: str | None = None
    predicted_first_token_ms: float | None = None
    predicted_total_ms: float | None = None
    score: list[float] = Field(default_factory=list)


class DecisionEvent(Wire):
    """A routing decision (`event: decision`); `at` is in seconds since 1970."""

    request_id: str
    at: float
    mode: Mode
    outcome: Literal["route", "wait", "none"]
    reason: str
    node: str | None = None
    model: str | None = None
    predicted_first_token_ms: float | None = None
    considered: list[ConsideredNode] = Field(default_factory=list)


class LocalPool(Wire):
    """The file by which daemons of one user find the orchestrator that runs for them."""

    pid: int
    port: int
    key: str
    version: str
