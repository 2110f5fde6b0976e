"""The node's routes. What they need is owned by `Node`; errors become responses in the kit."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.http import BodyLimit, KeyCheck, install_error_handlers, until_disconnect
from cerebrum_kit.logs import event
from cerebrum_kit.sse import encode, event_stream
from cerebrum_kit.wire import ProgressEvent, StreamError
from node_backend import report
from node_backend.generation import Generation
from node_backend.metrics import MEDIA_TYPE
from node_backend.models import Model
from node_backend.node import Node
from node_backend.place import Place
from node_backend.wire import (
    CleanupResult,
    Health,
    InferenceRequest,
    InferenceResponse,
    ModelList,
    Stats,
)

CLIENT_CLOSED_REQUEST = 499  # nginx's number for it

log = logging.getLogger(__name__)


def create_app(node: Node) -> FastAPI:
    """Return the ASGI application; its lifespan starts and ends what `node` owns."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        node.probe.start()
        await node.manager.start(node.catalog.default)
        try:
            yield
        finally:
            await node.manager.stop()
            await node.probe.stop()

    node.meter.show(lambda: (report.health(node), report.figures(node)))
    app = FastAPI(title="Cerebrum node", lifespan=lifespan)
    install_error_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=node.body_limit_bytes)
    _add_open_routes(app, node)
    _add_guarded_routes(app, node, Depends(KeyCheck(node.api_key)))
    return app


def _add_open_routes(app: FastAPI, node: Node) -> None:
    @app.get("/health", response_model_exclude_none=True)
    async def health() -> Health:
        return report.health(node)


def _add_guarded_routes(app: FastAPI, node: Node, guarded: Any) -> None:
    @app.post(
        "/v1/inference",
        dependencies=[guarded],
        response_model=InferenceResponse,
        response_model_exclude_none=True,
    )
    async def inference(request: Request, body: InferenceRequest) -> Response | InferenceResponse:
        model = await node.catalog.find(body.model)
        generation = Generation(await _admitted(node, model, body), body, node.meter)
        if body.stream:
            return event_stream(_rendered(generation), on_end=generation.abandon)
        try:
            return await until_disconnect(request, generation.response())
        except asyncio.CancelledError:
            return _client_gone()
        finally:
            generation.abandon()

    @app.get("/v1/stats", dependencies=[guarded])
    async def stats() -> Stats:
        return await report.stats(node)

    @app.get("/metrics", dependencies=[guarded], response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(node.meter.expose(), media_type=MEDIA_TYPE)

    @app.get("/v1/models", dependencies=[guarded], response_model_exclude_none=True)
    async def models() -> ModelList:
        await node.catalog.refresh()
        return await report.models(node)

    @app.post("/v1/cleanup", dependencies=[guarded])
    async def cleanup() -> CleanupResult:
        unloaded = await node.manager.unload_idle()
        kept = [model.name for model in node.manager.models]
        return CleanupResult(unloaded=[model.name for model in unloaded], skipped_active=kept)


async def _admitted(node: Node, model: Model, body: InferenceRequest) -> Place:
    if body.purpose == "pre-evaluate":
        return node.manager.admit_spare(model, body.cache_key)
    await node.manager.weigh(model)
    return node.manager.admit(model, body.cache_key)


def _client_gone() -> Response:
    """Return an answer that nobody will read; raises CancelledError if the service is ending."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _rendered(generation: Generation) -> AsyncGenerator[bytes, None]:
    """Render a generation's events; exactly one of them, the last, says `done`."""
    try:
        async with aclosing(generation.events()) as events:
            async for each in events:
                yield encode(each, "progress" if isinstance(each, ProgressEvent) else None)
    except CerebrumError as error:
        yield encode(
            StreamError(error=error.code, message=error.message, retry_after_s=error.retry_after_s)
        )
    except Exception as error:  # a stream that was begun must end in its own words
        log.error(event("request.crashed", error=type(error).__name__))
        yield encode(StreamError(error="internal", message="an internal error; see the node's log"))
