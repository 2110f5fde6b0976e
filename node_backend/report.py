"""What the node says of itself: health, statistics, models."""

import asyncio
import time
from collections.abc import Sequence
from typing import Literal

from node_backend.core.machine import usable_vram_mib
from node_backend.engines.base import EngineStatus
from node_backend.hosted_models import ServerModel
from node_backend.listing import Row
from node_backend.models import Model
from node_backend.node import Node
from node_backend.wire import Health, ModelInfo, ModelList, ResidentStats, SlotStats, Stats

NOTHING = EngineStatus("stopped")
LIST_WITHIN_S = 1.0  # a pool takes a node that is silent for some seconds for dead


def health(node: Node) -> Health:
    """Say whether a request sent now would be taken; costs nothing to ask."""
    sample, objection = node.probe.latest, node.manager.objection()
    state = _state(node)
    failure = status_of(node, node.catalog.default).failure if state == "failed" else None
    return Health(
        status="down" if state == "failed" else "degraded" if objection else "ok",
        cpu_percent=sample.cpu_percent,
        others_cpu_percent=sample.others_cpu_percent,
        memory_available_mb=sample.memory_available_mib,
        model=_latest(node).name,
        accepting=state != "failed" and objection is None,
        reason=failure or (objection.code if objection else None),
        state=state,
        loaded=[
            each.name for each in node.manager.models if status_of(node, each).state == "ready"
        ],
        vram_free_mb=usable_vram_mib(sample, is_loaded=state == "ready"),
        slots=node.manager.limits.slots,
    )


async def stats(node: Node) -> Stats:
    """Say what goes on and what went on; asks the engines for their slots."""
    return figures(node, await _slots(node))


def figures(node: Node, slots: Sequence[SlotStats] = ()) -> Stats:
    """Say what goes on and what went on, as far as nobody has to be asked."""
    manager, latest = node.manager, _latest(node)
    engines = [engine for model, engine in manager.engines.items() if model == latest]
    return Stats(
        active_requests=manager.active,
        queued=manager.queued,
        max_concurrent=manager.limits.slots,
        completed_total=manager.outcomes["completed"],
        failed_total=manager.outcomes["failed"],
        cancelled_total=manager.outcomes["cancelled"],
        refused_total=manager.outcomes["refused"],
        engine_restarts_total=manager.restarts_total,
        uptime_s=time.monotonic() - node.started_at,
        model=latest.name,
        engine=engines[0].name if engines else "none",
        engine_pid=status_of(node, latest).pid,
        slots=list(slots),
        models=[_resident(node, model) for model in manager.models],
        pre_evaluated_total=manager.pre_evaluations.total(),
    )


async def models(node: Node) -> ModelList:
    """List the models that can be run here, the default first; headers are read beside the loop.

    What could never be loaded is left out: nobody should choose this node for it. On a slow disk
    the list grows from one call to the next, so that no call takes long.
    """
    default, ends_at, rows = node.catalog.default, time.monotonic() + LIST_WITHIN_S, list[Row]()
    for model in node.catalog.models:
        rows.append(await asyncio.to_thread(node.describe, model))
        if time.monotonic() > ends_at:
            break
    return ModelList(
        models=[_info(node, row) for row in rows if row.is_runnable or row.model == default]
    )


def status_of(node: Node, model: Model) -> EngineStatus:
    """Return the status of a model's engine; of one that has none: stopped."""
    engine = node.manager.engines.get(model)
    return engine.status if engine is not None else NOTHING


def _is_ready(node: Node, model: Model) -> bool:
    return status_of(node, model).state == "ready"


def _state(node: Node) -> Literal["idle", "loading", "ready", "failed"]:
    """Return the best of all models' states; failed only where the default one is.

    Another one that can't be loaded is no reason to keep away requests for this one.
    """
    states = {status_of(node, model).state for model in node.manager.models}
    if "ready" in states:
        return "ready"
    if "loading" in states:
        return "loading"
    return "failed" if status_of(node, node.catalog.default).state == "failed" else "idle"


def _latest(node: Node) -> Model:
    """Return the model that was used last, of those in memory; else the default."""
    return node.manager.models[-1] if node.manager.models else node.catalog.default


async def _slots(node: Node) -> list[SlotStats]:
    engines = dict(node.manager.engines)
    answers = await asyncio.gather(*(engine.slots() for engine in engines.values()))
    return [
        SlotStats(id=slot.id, busy=slot.busy, model=model.name)
        for model, slots in zip(engines, answers, strict=True)
        for slot in slots
    ]


def _resident(node: Node, model: Model) -> ResidentStats:
    status = status_of(node, model)
    return ResidentStats(
        name=model.name,
        state=status.state,
        active_requests=node.manager.active_on(model),
        pid=status.pid,
    )


def _info(node: Node, row: Row) -> ModelInfo:
    model, card = row.model, row.card
    status = status_of(node, model)
    trained_tokens = card.shape.trained_context_tokens if card else model.context_tokens
    return ModelInfo(
        name=model.name,
        size_bytes=model.size_bytes,
        context_tokens=status.context_tokens or min(model.context_tokens, trained_tokens),
        fim=status.has_fim,
        loaded=_is_ready(node, model) or (isinstance(model, ServerModel) and model.is_loaded),
        family=card.family if card else None,
        parameters=card.parameters if card else None,
        quantisation=card.quantisation if card else None,
        source=model.source,
        fits=row.is_runnable,
        chat=_has_chat(row, status),
    )


def _has_chat(row: Row, status: EngineStatus) -> bool | None:
    """Return whether a model follows a chat: as its server says, that lists it or that runs it."""
    if status.has_chat is not None:
        return status.has_chat
    return row.model.has_chat if isinstance(row.model, ServerModel) else row.has_chat
