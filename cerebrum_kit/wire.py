"""Shapes that both services speak: errors, and the events of a token stream.

pydantic, nothing else. The services' own shapes are in their own `wire.py`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FinishReason = Literal["stop", "length", "cancelled"]
ProgressStage = Literal["queued", "loading", "prefill", "thinking", "failover"]
Purpose = Literal["answer", "pre-evaluate"]

Identifier = Annotated[str, Field(min_length=1, max_length=256)]
# The bound is far above any body limit. It is there because without one pydantic takes half of a
# surrogate pair from a parsed body, and nothing can encode that afterwards.
Text = Annotated[str, Field(max_length=16_000_000)]
StopSequence = Annotated[str, Field(min_length=1, max_length=256)]


class Wire(BaseModel):
    """Unknown fields are ignored, so that either side can be the newer one."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, ser_json_inf_nan="null")


class Snippet(Wire):
    """Text from elsewhere that helps with the place being completed."""

    path: Annotated[str, Field(max_length=4096)]
    text: Text


class Infill(Wire):
    """The text on both sides of the place to fill."""

    prefix: Text
    suffix: Text = ""
    path: Annotated[str, Field(max_length=4096)] | None = None


class Message(Wire):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Usage(Wire):
    """Token counts; `cached_tokens` of the prompt were already in the engine's KV cache."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class ErrorDetail(Wire):
    """What went wrong, in words for a person and a code for a program."""

    code: str
    message: str
    retry_after_s: float | None = None
    details: dict[str, object] | None = None


class ErrorBody(Wire):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class TokenEvent(Wire):
    """A piece of generated text, with the number of tokens generated so far."""

    token: str
    total_tokens: int


class ProgressEvent(Wire):
    """Why nothing has come yet (`event: progress`)."""

    stage: ProgressStage
    detail: dict[str, object] = Field(default_factory=dict)


class StreamError(Wire):
    """The end of a stream that failed; what was sent before it stands."""

    error: str
    message: str
    retry_after_s: float | None = None
    done: Literal[True] = True


class Sampling(Wire):
    """How to generate; the part that orchestrator and node requests have in common."""

    max_tokens: Annotated[int, Field(ge=1, le=8192)] = 128
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] = 0.0
    stop: Annotated[list[StopSequence], Field(max_length=16)] = Field(default_factory=list)
    stream: bool = False
    model: Identifier | None = None
    purpose: Purpose = Field(
        default="answer",
        description="`pre-evaluate`: the prompt is read into the KV cache while nobody else needs "
        "the machine, and nothing is generated. It is refused rather than queued, and ends as "
        "`cancelled` as soon as anybody asks for an answer.",
    )


class OneOf(Wire):
    """A request that carries exactly one of several kinds of input."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        kinds = self.input_kinds()
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            wanted = ", ".join(kinds)
            raise ValueError(f"exactly one of {wanted} is required, got {given or 'none'}")
        return self

    @classmethod
    def input_kinds(cls) -> tuple[str, ...]:
        """Name the fields of which exactly one must be set."""
        raise NotImplementedError
