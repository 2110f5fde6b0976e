"""What the protocols have in common: the pool behind them, models by name, errors' shapes."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from cerebrum_kit.errors import CerebrumError, InvalidRequestError
from cerebrum_kit.http import describe_validation
from cerebrum_kit.routes import BodyRoute
from orchestrator.errors import OrchestratorError
from orchestrator.life import Events
from orchestrator.wire import CompleteRequest, NodeStatus, Stats, Tier

ANY_MODEL = {"", "auto", "cerebrum", "default"}  # what clients send that must name one
TIERS: tuple[Tier, ...] = get_args(Tier)
MAX_TOKENS = 8192  # the wire's own limit; other protocols say -1 for "until it ends by itself"

RenderError = Callable[[CerebrumError], Response]


class NotImplementedHereError(OrchestratorError):
    """A part of another protocol that a pool of nodes can't offer."""

    code = "not-implemented"
    status = 501


@dataclass(frozen=True)
class ServedModel:
    """A model of the pool, the nodes that can run it, and those that hold it in memory."""

    name: str
    nodes: tuple[str, ...]
    loaded_on: tuple[str, ...]


@dataclass(frozen=True)
class Backend:
    """The pool, as a protocol sees it."""

    complete: Callable[[CompleteRequest], Events]
    stats: Callable[[], Stats]

    def models(self) -> list[ServedModel]:
        """Return the models that the pool serves now."""
        return served_models(self.stats().nodes)

    def choice(self, name: str | None) -> dict[str, str]:
        """Return which `model` or `tier` a client means by the name that it sends."""
        return choice_of(name, [model.name for model in self.models()])


def served_models(nodes: Sequence[NodeStatus]) -> list[ServedModel]:
    """Return the models of `nodes`, each once, in the order of their names."""
    names = sorted({name for node in nodes for name in _names(node)})
    return [
        ServedModel(
            name,
            nodes=tuple(node.name for node in nodes if name in _names(node)),
            loaded_on=tuple(node.name for node in nodes if node.model == name),
        )
        for name in names
    ]


def choice_of(name: str | None, served: Sequence[str]) -> dict[str, str]:
    """Return the `model` or `tier` that `name` means, or nothing where any will do.

    Ollama's clients add `:latest` to a name without a tag.
    """
    if name is None or (name in ANY_MODEL and name not in served):
        return {}
    if name in served:
        return {"model": name}
    if name in TIERS:
        return {"tier": name}
    plain = name.removesuffix(":latest")
    return {"model": plain if plain in served else name}


def errors_as(render: RenderError) -> type[APIRoute]:
    """Return a class of routes whose errors look as `render` has it."""

    class Route(BodyRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    return await handle(request)
                except CerebrumError as error:
                    return render(error)
                except RequestValidationError as error:
                    return render(InvalidRequestError(describe_validation(error.errors())))
                except HTTPException:
                    return render(InvalidRequestError("the request could not be understood"))

            return handled

    return Route


def as_request(given: dict[str, Any]) -> CompleteRequest:
    """Return the pool's own request; what it can't be raises InvalidRequestError."""
    try:
        return CompleteRequest.model_validate(given)
    except ValueError:
        raise InvalidRequestError(
            "a stop sequence or a name is too long, or there are too many"
        ) from None


def described(stream_media_type: str) -> dict[int | str, dict[str, Any]]:
    """Return what the routes of a protocol answer with, for the OpenAPI description."""
    answers: dict[int | str, dict[str, Any]] = {200: {"content": {stream_media_type: {}}}}
    error = {"content": {"application/json": {"schema": {"type": "object"}}}}
    for status in (400, 401, 404, 413, 502, 503, 504, "default"):  # so not FastAPI's own 422
        answers[status] = {"description": "An error, in this protocol's shape.", **error}
    return answers


def retry_after(error: CerebrumError) -> dict[str, str]:
    """Return the header that says when to come back, if that is known."""
    if error.retry_after_s is None:
        return {}
    return {"Retry-After": str(max(1, round(error.retry_after_s)))}


def max_tokens(asked: int | None, default: int = 128) -> int:
    """Return how many tokens to ask for; negative numbers mean no limit but ours."""
    limit = default if asked is None else asked
    return MAX_TOKENS if limit < 0 else min(max(1, limit), MAX_TOKENS)


def temperature(asked: float | None) -> float:
    """Return the temperature to ask for: the pool's own default, 0, where none is named."""
    return min(max(0.0, asked or 0.0), 2.0)


def stops(asked: str | Sequence[str] | None) -> list[str]:
    """Return stop sequences as the wire wants them."""
    given = [asked] if isinstance(asked, str) else list(asked or ())
    return [each for each in given if each]


def _names(node: NodeStatus) -> set[str]:
    return {*node.models, *([node.model] if node.model else [])}
