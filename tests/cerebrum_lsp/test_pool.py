"""The client of the orchestrator, on answers written out by hand."""

from collections.abc import Callable

import httpx
import pytest

from cerebrum_kit.wire import Infill, ProgressEvent, StreamError, TokenEvent
from cerebrum_lsp.config import PoolAddress
from cerebrum_lsp.errors import DaemonError, PoolRefusalError, PoolUnreachableError
from cerebrum_lsp.pool import CompletionEvent, Pool
from orchestrator.wire import CompleteRequest, DoneEvent, NodeStatus, RouteEvent, StateEvent

REQUEST = CompleteRequest(infill=Infill(prefix="x = "))

ROUTE = (
    "event: route\n"
    'data: {"request_id": "r", "node": "pi", "model": "m", "predicted_first_token_ms": null,'
    ' "reason": "only"}\n\n'
)
PROGRESS = 'event: progress\ndata: {"stage": "loading", "detail": {"model": "m"}}\n\n'
TOKEN = 'data: {"token": "{\\"done\\"", "total_tokens": 1}\n\n'
COMMENT = ": keep-alive\n\n"
DONE = (
    'data: {"done": true, "finish_reason": "stop", "model": "m", "node": "pi", "usage": {},'
    ' "timings": {}, "node_timings": {}, "from_a_newer_version": 1}\n\n'
)
ERROR = 'data: {"error": "node-failed", "message": "it died", "done": true}\n\n'
STATE = 'event: state\ndata: {"accepting": true, "nodes": []}\n\n'
NODE = 'event: node\ndata: {"name": "pi", "url": "http://pi", "state": "ready"}\n\n'
DECISION = 'event: decision\ndata: {"anything": 1}\n\n'


class Somewhere:
    def __init__(self) -> None:
        self.forgotten = 0

    async def current(self) -> PoolAddress:
        return PoolAddress(url="http://pool", key="k")

    def forget(self) -> None:
        self.forgotten += 1


Answer = Callable[[httpx.Request], httpx.Response]


def pool_that(answer: Answer) -> tuple[Pool, Somewhere]:
    somewhere = Somewhere()
    return Pool(somewhere, httpx.MockTransport(answer)), somewhere


def stream(text: str) -> Answer:
    return lambda _: httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


async def events_of(pool: Pool) -> list[CompletionEvent]:
    return [event async for event in pool.complete(REQUEST)]


async def test_events_come_typed_and_in_order() -> None:
    pool, _ = pool_that(stream(ROUTE + PROGRESS + COMMENT + TOKEN + DONE))
    route, progress, token, done = await events_of(pool)
    assert isinstance(route, RouteEvent)
    assert isinstance(progress, ProgressEvent)
    assert token == TokenEvent(token='{"done"', total_tokens=1), "text that looks like an event"
    assert isinstance(done, DoneEvent)


async def test_a_stream_that_ends_in_an_error_says_so() -> None:
    pool, _ = pool_that(stream(ROUTE + ERROR))
    assert (await events_of(pool))[-1] == StreamError(error="node-failed", message="it died")


def refused(_: httpx.Request) -> httpx.Response:
    error = {"code": "load-shed", "message": "full", "retry_after_s": 2.0}
    return httpx.Response(503, json={"error": error})


def foreign(_: httpx.Request) -> httpx.Response:
    return httpx.Response(502, text="<html>a proxy's own page</html>")


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        pytest.param(refused, PoolRefusalError, "full", id="refused"),
        pytest.param(foreign, PoolRefusalError, "status 502", id="not our service"),
        pytest.param(unreachable, PoolUnreachableError, "can't be reached", id="gone"),
        pytest.param(stream("data: {\n\n"), PoolUnreachableError, "can't be read", id="no JSON"),
        pytest.param(stream("data: 7\n\n"), PoolUnreachableError, "can't be read", id="no object"),
        pytest.param(stream('data: {"done": true}\n\n'), PoolUnreachableError, "can't", id="bare"),
    ],
)
async def test_what_is_no_stream_is_an_error(
    answer: Answer, error: type[DaemonError], says: str
) -> None:
    pool, _ = pool_that(answer)
    with pytest.raises(error, match=says):
        await events_of(pool)


async def test_a_refusal_keeps_its_reason_and_its_time() -> None:
    pool, _ = pool_that(refused)
    with pytest.raises(PoolRefusalError) as refusal:
        await events_of(pool)
    assert (refusal.value.reason, refusal.value.retry_after_s) == ("load-shed", 2.0)


async def test_a_pool_that_was_gone_is_looked_for_again_once() -> None:
    tries = 0

    def second_time_lucky(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        return unreachable(request) if tries == 1 else stream(ROUTE + DONE)(request)

    pool, somewhere = pool_that(second_time_lucky)
    assert len(await events_of(pool)) == 2
    assert (tries, somewhere.forgotten) == (2, 1)


async def test_the_key_is_sent_and_the_answer_asked_for_as_a_stream() -> None:
    seen: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return stream(DONE)(request)

    pool, _ = pool_that(note)
    await events_of(pool)
    assert seen[0].headers["X-API-Key"] == "k"
    assert b'"stream":true' in seen[0].content


async def test_the_pools_states_are_followed_and_unknown_events_ignored() -> None:
    pool, _ = pool_that(stream(STATE + DECISION + NODE))
    state, node = [event async for event in pool.states()]
    assert isinstance(state, StateEvent)
    assert isinstance(node, NodeStatus)
