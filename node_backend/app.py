"""The node's routes. What they need is owned by `Node`; errors become responses in the kit."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Depends, FastAPI, Request, Response

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.http import BodyLimit, KeyCheck, install_error_handlers, until_disconnect
from cerebrum_kit.logs import event
from cerebrum_kit.sse import encode, event_stream
from cerebrum_kit.wire import ProgressEvent, StreamError
from node_backend.generation import Generation
from node_backend.manager import Manager
from node_backend.models import Catalog
from node_backend.probe import Probe
from node_backend.wire import (
    CleanupResult,
    Health,
    InferenceRequest,
    InferenceResponse,
    ModelInfo,
    ModelList,
    SlotStats,
    Stats,
)

CLIENT_CLOSED_REQUEST = 499  # nginx's number for it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Node:
    """All that lives as long as the service."""

    manager: Manager
    catalog: Catalog
    probe: Probe
    api_key: str | None = None
    body_limit_bytes: int = 1_000_000
    started_at: float = field(default_factory=time.monotonic)


def create_app(node: Node) -> FastAPI:
    """Return the ASGI application; its lifespan starts and ends what `node` owns."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        node.probe.start()
        node.manager.start()
        try:
            yield
        finally:
            await node.manager.stop()
            await node.probe.stop()

    app = FastAPI(title="Cerebrum node", lifespan=lifespan)
    install_error_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=node.body_limit_bytes)
    _add_open_routes(app, node)
    _add_guarded_routes(app, node, Depends(KeyCheck(node.api_key)))
    return app


def _add_open_routes(app: FastAPI, node: Node) -> None:
    @app.get("/health", response_model_exclude_none=True)
    async def health() -> Health:
        return _health(node)


def _add_guarded_routes(app: FastAPI, node: Node, guarded: Any) -> None:
    @app.post(
        "/v1/inference",
        dependencies=[guarded],
        response_model=InferenceResponse,
        response_model_exclude_none=True,
    )
    async def inference(request: Request, body: InferenceRequest) -> Response | InferenceResponse:
        model = node.catalog.resolve(body.model)
        place = node.manager.admit(body.cache_key)
        generation = Generation(node.manager, place, body, model.name)
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
        return await _stats(node)

    @app.get("/v1/models", dependencies=[guarded], response_model_exclude_none=True)
    async def models() -> ModelList:
        return _models(node)

    @app.post("/v1/cleanup", dependencies=[guarded])
    async def cleanup() -> CleanupResult:
        name = node.catalog.default.name
        if await node.manager.unload_if_idle():
            return CleanupResult(unloaded=[name])
        is_loaded = node.manager.engine.status.state != "stopped"
        return CleanupResult(unloaded=[], skipped_active=[name] if is_loaded else [])


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


def _health(node: Node) -> Health:
    status, sample = node.manager.engine.status, node.probe.latest
    objection = node.manager.objection()
    failed = status.state == "failed"
    reason = status.failure if failed else objection.code if objection else None
    return Health(
        status="down" if failed else "degraded" if objection else "ok",
        cpu_percent=sample.cpu_percent,
        memory_available_mb=sample.memory_available_mib,
        model=node.catalog.default.name,
        accepting=not failed and objection is None,
        reason=reason,
        state="idle" if status.state == "stopped" else status.state,
    )


async def _stats(node: Node) -> Stats:
    manager, status = node.manager, node.manager.engine.status
    slots = await manager.engine.slots()
    return Stats(
        active_requests=manager.active,
        queued=manager.queued,
        max_concurrent=manager.max_concurrent,
        completed_total=manager.outcomes["completed"],
        failed_total=manager.outcomes["failed"],
        cancelled_total=manager.outcomes["cancelled"],
        refused_total=manager.outcomes["refused"],
        engine_restarts_total=status.restarts_total,
        uptime_s=time.monotonic() - node.started_at,
        model=node.catalog.default.name,
        engine=manager.engine.name,
        engine_pid=status.pid,
        slots=[SlotStats(id=slot.id, busy=slot.busy) for slot in slots],
    )


def _models(node: Node) -> ModelList:
    status = node.manager.engine.status
    return ModelList(
        models=[
            ModelInfo(
                name=model.name,
                size_bytes=model.size_bytes,
                context_tokens=status.context_tokens or model.context_tokens,
                fim=status.has_fim,
                loaded=status.state == "ready",
            )
            for model in node.catalog.models
        ]
    )
