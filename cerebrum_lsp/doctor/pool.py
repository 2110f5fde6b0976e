"""How the pool is: whether it answers, to our key, with which nodes, and with a completion."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing

import httpx

from cerebrum_kit.wire import Infill, StreamError, TokenEvent
from cerebrum_lsp.config import PoolAddress
from cerebrum_lsp.core.checkup import Found, Node, Trial, Trouble
from cerebrum_lsp.embedded import PoolAddresses, addresses_of
from cerebrum_lsp.errors import DaemonError, PoolRefusalError, PoolUnreachableError
from cerebrum_lsp.pool import Pool
from orchestrator.wire import CompleteRequest, DoneEvent, NodeStatus, StateEvent

ANSWER_TIMEOUT_S = 10.0
LOADING_WAIT_S = 60.0  # for a node that has just been started: its model is on a slow disk
TRIAL_TIMEOUT_S = 60.0
TRIAL = Infill(prefix="def add(first, second):\n    return ", suffix="\n", path="doctor.py")


async def look(environment: Mapping[str, str]) -> tuple[Found, list[Node], Trial | None]:
    """Find the pool, or start this user's own; ask it for its nodes, and for a completion."""
    addresses = addresses_of(environment)
    try:
        address = await addresses.current()
    except PoolUnreachableError as error:
        return Found(None, is_local=False, trouble="bad-address", heard=error.message), [], None
    except DaemonError as error:
        return Found(None, is_local=True, trouble="not-started", heard=error.message), [], None
    found = await _knock(address, is_local=addresses.is_local)
    if found.trouble is not None:
        return found, [], None
    return await _ask(found, addresses)


async def _knock(address: PoolAddress, *, is_local: bool) -> Found:
    """Ask for what everybody may see, to tell a wrong address from a wrong key."""
    try:
        async with httpx.AsyncClient(timeout=ANSWER_TIMEOUT_S, trust_env=False) as http:
            health = await http.get(f"{address.url}/health")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        heard = str(error) or type(error).__name__
        return Found(address.url, is_local, "unreachable", heard)
    if health.status_code != httpx.codes.OK or b"nodes_total" not in health.content:
        return Found(address.url, is_local, "not-a-pool", f"status {health.status_code}")
    return Found(address.url, is_local)


async def _ask(found: Found, addresses: PoolAddresses) -> tuple[Found, list[Node], Trial | None]:
    pool = Pool(addresses)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S + LOADING_WAIT_S):
            nodes = await _nodes(pool)
        return found, nodes, await _try(pool)
    except PoolRefusalError as error:
        trouble: Trouble = "wrong-key" if error.reason == "unauthorized" else "not-a-pool"
        return Found(found.url, found.is_local, trouble, error.message), [], None
    except (DaemonError, TimeoutError) as error:
        heard = str(error) or "it says nothing"
        return Found(found.url, found.is_local, "unreachable", heard), [], None
    finally:
        await pool.close()


async def _nodes(pool: Pool) -> list[Node]:
    """Return the nodes once none of them is loading any more, or after a while as they are."""
    nodes: dict[str, NodeStatus] = {}
    ends_at = time.monotonic() + LOADING_WAIT_S
    async with aclosing(pool.states()) as events:
        async for event in events:
            if isinstance(event, StateEvent):
                nodes = {node.name: node for node in event.nodes}
            elif isinstance(event, NodeStatus):
                nodes[event.name] = event
            is_settled = all(n.state not in {"loading", "unknown"} for n in nodes.values())
            if is_settled or time.monotonic() > ends_at:
                break
    return [_fact(node) for node in nodes.values()]


def _fact(node: NodeStatus) -> Node:
    is_resting = node.breaker != "closed"
    return Node(node.name, node.state, is_resting, node.reason, node.model, node.fim)


async def _try(pool: Pool) -> Trial:
    """Ask for one completion."""
    request = CompleteRequest(infill=TRIAL, language="python", max_tokens=16, mode="fast")
    asked_at, first_token_s = time.monotonic(), None
    try:
        async with asyncio.timeout(TRIAL_TIMEOUT_S), aclosing(pool.complete(request)) as events:
            async for event in events:
                if isinstance(event, TokenEvent) and first_token_s is None:
                    first_token_s = time.monotonic() - asked_at
                elif isinstance(event, StreamError):
                    return Trial(error=event.message)
                elif isinstance(event, DoneEvent):
                    return Trial(None, first_token_s, _rate(event))
    except TimeoutError:
        return Trial(error=f"nothing within {TRIAL_TIMEOUT_S:.0f} s")
    except DaemonError as error:
        return Trial(error=error.message)
    return Trial(error="the stream ended too early")


def _rate(done: DoneEvent) -> float | None:
    if done.usage.completion_tokens < 2 or not done.node_timings.decode_ms:
        return None
    return (done.usage.completion_tokens - 1) * 1000 / done.node_timings.decode_ms
