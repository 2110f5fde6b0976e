"""The routes. Errors become responses here, by the kit's handlers, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, params
from fastapi.responses import PlainTextResponse, Response

from cerebrum_kit.http import BodyLimit, KeyCheck, install_error_handlers
from cerebrum_kit.routes import BodyRoute
from cerebrum_kit.sse import event_stream
from cerebrum_kit.wire import ErrorBody
from orchestrator.access_log import AccessLog
from orchestrator.answers import as_json, as_result, as_stream
from orchestrator.batch import Batches
from orchestrator.compat import llama_cpp, ollama, openai
from orchestrator.compat.edge import Backend
from orchestrator.config import Config
from orchestrator.front import Front
from orchestrator.life import Events
from orchestrator.metrics import MEDIA_TYPE, Meter
from orchestrator.service import Orchestrator
from orchestrator.traffic import Traffic
from orchestrator.wire import (
    BatchRequest,
    BatchResponse,
    CompleteRequest,
    CompleteResponse,
    DecisionEvent,
    Health,
    NodeStatus,
    Stats,
)

MAX_BODY_BYTES = 1_000_000
Ask = Callable[[CompleteRequest], Events]
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody}
    for status in (400, 401, 404, 409, 413, 502, 503, 504, "default")  # so not FastAPI's own 422
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}}  # a schema would be one of each event's fields
}


def create_app(config: Config, stop: asyncio.Event) -> FastAPI:
    """Return the service; it sets `stop` when it wishes to end, and drains when it is set."""
    orchestrator = Orchestrator(config, stop)
    meter, traffic = Meter(), Traffic()
    front = Front(orchestrator.complete, orchestrator.models, config.cache_bytes, meter)
    meter.show(orchestrator.stats, front.cache)
    batches = Batches(front.complete, traffic, at_once=config.places)

    def ask(asked: CompleteRequest) -> Events:
        return traffic.counted(front.complete(asked))

    key = config.key.get_secret_value() if config.key else None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with orchestrator.running():
            yield

    app = FastAPI(
        title="Cerebrum orchestrator",
        version=version("cerebrum"),
        lifespan=lifespan,
        docs_url=None,  # its page would be fetched from elsewhere
        redoc_url=None,
    )
    app.state.orchestrator = orchestrator
    app.add_middleware(BodyLimit, limit_bytes=MAX_BODY_BYTES)
    app.add_middleware(AccessLog)
    install_error_handlers(app)

    @app.get("/health")
    async def health() -> Health:
        """Return whether the pool can serve; open to all."""
        return orchestrator.health()

    guards = [Depends(KeyCheck(key))]
    routers = [completions(ask, batches, guards), views(orchestrator, meter, guards)]
    backend = Backend(ask, orchestrator.stats)
    routers += [protocol.router(backend, guards) for protocol in (openai, llama_cpp, ollama)]
    for router in routers:
        app.router.routes += router.routes
    return app


def completions(ask: Ask, batches: Batches, guards: Sequence[params.Depends]) -> APIRouter:
    """Return the routes that complete."""
    routes = APIRouter(route_class=BodyRoute, dependencies=guards)

    @routes.post(
        "/v1/complete",
        response_model=CompleteResponse,
        responses={**ERRORS, **STREAM},
    )
    async def complete(request: Request, asked: CompleteRequest) -> Response:
        """Complete code; as a stream if the request says so."""
        events = ask(asked)
        return as_stream(events) if asked.stream else await as_json(request, events)

    @routes.post("/v1/complete/stream", responses={**ERRORS, **STREAM})
    async def complete_stream(_: Request, asked: CompleteRequest) -> Response:
        """Complete code as a stream of server-sent events."""
        return as_stream(ask(asked))

    @routes.post("/v1/complete/batch", response_model=BatchResponse, responses=ERRORS)
    async def complete_batch(request: Request, batch: BatchRequest) -> Response:
        """Complete many, in the gaps that interactive work leaves; each ends for itself."""
        return await as_result(request, batches.run(batch), _as_json)

    return routes


def views(orchestrator: Orchestrator, meter: Meter, guards: Sequence[params.Depends]) -> APIRouter:
    """Return the routes that show what goes on."""
    routes = APIRouter(dependencies=guards)

    @routes.get("/v1/events", responses=STREAM, response_class=Response)
    async def events() -> Response:
        """Stream the pool's state, and then every change of it."""
        return event_stream(orchestrator.hub.listen(orchestrator.state))

    @routes.get("/v1/stats", response_model_exclude_none=True)
    async def stats() -> Stats:
        """Return what goes on, and what went on since the start."""
        return orchestrator.stats()

    @routes.get("/v1/nodes", response_model_exclude_none=True)
    async def nodes() -> list[NodeStatus]:
        """Return each node as the orchestrator sees it."""
        return orchestrator.state().nodes

    @routes.get(
        "/v1/decisions",
        responses=ERRORS,
        response_model_exclude_none=True,
    )
    async def decisions(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[DecisionEvent]:
        """Return the last routing decisions with their reasons, the latest first."""
        return orchestrator.decisions(limit)

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return counts and speeds for Prometheus."""
        return Response(meter.expose(), media_type=MEDIA_TYPE)

    return routes


def _as_json(answer: BatchResponse) -> Response:
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")
