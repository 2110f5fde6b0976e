"""The node's wire: what it accepts and answers. pydantic, nothing else."""

from typing import Annotated, Literal

from pydantic import Field

from cerebrum_kit.wire import (
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

DEFAULT_PORT = 9000


class InfillWithSnippets(Infill):
    """A place to fill, with text from other files."""

    snippets: Annotated[list[Snippet], Field(max_length=64)] = Field(default_factory=list)


class InferenceRequest(OneOf, Sampling):
    """`POST /v1/inference`."""

    prompt: Text | None = None
    infill: InfillWithSnippets | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=256)] | None = None
    cache_key: Identifier | None = Field(
        default=None, description="Requests with the same key share a slot and so its KV cache."
    )
    continue_from: Text = Field(
        default="",
        description="Text already generated for this request; generation goes on after it.",
    )

    @classmethod
    def input_kinds(cls) -> tuple[str, ...]:
        """Name the kinds of input."""
        return ("prompt", "infill", "messages")


class Timings(Wire):
    """Milliseconds by stage; `first_token_ms` counts from the request's arrival."""

    queue_ms: float = 0.0
    load_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    first_token_ms: float | None = None


class Ending(Wire):
    """What is known when a generation has ended, apart from its text."""

    finish_reason: FinishReason
    model: str
    inference_time: float = Field(description="Seconds from the request's arrival to its end.")
    total_tokens: int = Field(description="Tokens generated.")
    usage: Usage
    timings: Timings


class InferenceResponse(Ending):
    """The answer to `POST /v1/inference` without streaming."""

    text: str


class DoneEvent(Ending):
    """The end of a stream that went well."""

    done: Literal[True] = True


class Health(Wire):
    """`GET /health`, open to all: whether a request sent now would be taken."""

    status: Literal["ok", "degraded", "down"]
    cpu_percent: float
    others_cpu_percent: float = Field(
        default=0.0, description="Of the cores it may use: taken by others that don't give way."
    )
    memory_available_mb: float
    accepting: bool
    model: str | None = None
    reason: str | None = None
    state: Literal["idle", "loading", "ready", "failed"] = "idle"
    loaded: list[str] = Field(
        default_factory=list, description="Models in memory and ready; the last used is the last."
    )
    vram_free_mb: float | None = Field(
        default=None,
        description="What this node's models may have of the graphics cards' memory: what is "
        "free, and what they have already while one is loaded (all that is used, where the cards "
        "don't say by whom). So a card that is full of the node's own model is not a full one. "
        "None without a card, or with an engine that leaves it alone.",
    )
    slots: int | None = Field(
        default=None, description="Requests that it computes at once, of each model in memory."
    )


class SlotStats(Wire):
    """One engine slot, as the engine itself reports it."""

    id: int
    busy: bool
    model: str | None = None


class ResidentStats(Wire):
    """A model that has memory."""

    name: str
    state: Literal["stopped", "loading", "ready", "failed"]
    active_requests: int
    pid: int | None = None


class Stats(Wire):
    """`GET /v1/stats`."""

    active_requests: int
    queued: int
    max_concurrent: int
    completed_total: int
    failed_total: int
    cancelled_total: int
    refused_total: int
    engine_restarts_total: int
    uptime_s: float
    engine: str
    slots: list[SlotStats]
    model: str | None = None
    engine_pid: int | None = None
    models: list[ResidentStats] = Field(default_factory=list)
    pre_evaluated_total: int = Field(
        default=0, description="Prompts read in idle time; not among the other counts."
    )


class ModelInfo(Wire):
    """A model that the node can run."""

    name: str
    size_bytes: int
    context_tokens: int | None = None
    fim: bool | None = None
    loaded: bool = False
    family: str | None = None
    parameters: int | None = None
    quantisation: str | None = None
    source: Literal["bundled", "file", "folder", "ollama", "hosted"] | None = None
    fits: bool | None = Field(
        default=None, description="Whether it fits the machine's memory when it is alone there."
    )
    chat: bool | None = Field(
        default=None,
        description="Whether it follows a chat: was trained to do what it is told. None: nobody "
        "says so, and its name may tell; so it is for base models that were packed with the "
        "template of a chat.",
    )


class ModelList(Wire):
    """`GET /v1/models`."""

    models: list[ModelInfo]


class CleanupResult(Wire):
    """`POST /v1/cleanup`: what was unloaded."""

    unloaded: list[str]
    skipped_active: list[str] = Field(default_factory=list)
