"""Failover on real nodes with the bundled model: one of two is killed, the caller goes on."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.pool import ENGINE
from tests.e2e.processes import Service, child_running, eventually, isolated, kill, service

pytestmark = pytest.mark.e2e

PROMPT = (
    "def quicksort(items):\n"
    '    """Return a sorted copy."""\n'
    "    if len(items) <= 1:\n"
    "        return list(items)\n"
)
ENOUGH_TO_BE_LATE = 22  # first tokens of a node, before one of them can be called late
REFILLS_BUDGET = 20  # requests, for each that may be asked twice
HEDGES_TRIED = 5
ANSWERED_WITHIN_S = 5.0
ASK: dict[str, object] = {"prompt": PROMPT, "max_tokens": 400, "temperature": 0.0, "stream": True}


@dataclass
class Pair:
    """An orchestrator on two real nodes."""

    nodes: dict[str, Service]
    http: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def stream(self, **changes: object) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        asked = {**ASK, **changes}
        async with self.http.stream("POST", "/v1/complete", json=asked) as response:
            assert response.status_code == 200, await response.aread()
            lines = response.aiter_lines()
            yield (json.loads(line[6:]) async for line in lines if line.startswith("data: "))

    async def node_states(self) -> dict[str, str]:
        nodes = (await self.http.get("/v1/nodes")).json()
        return {node["name"]: node["state"] for node in nodes}

    async def hedged_total(self) -> int:
        return int((await self.http.get("/v1/stats")).json()["hedged_total"])

    def kill(self, name: str) -> None:
        """Kill a node and its engine at once, as a machine that loses power does."""
        pid = self.nodes[name].child.pid
        below = psutil.Process(pid).children(recursive=True)
        for process in (*below, psutil.Process(pid)):
            with contextlib.suppress(ProcessLookupError):
                kill(process.pid)

    async def warm_up(self) -> None:
        """Have each engine compute something, so that none is cold."""
        for node in self.nodes.values():
            asked = {"prompt": "x", "max_tokens": 1}
            answer = await self.http.post(
                f"{node.url}/v1/inference", json=asked, headers=node.headers
            )
            assert answer.status_code == 200, answer.text

    def engine(self, name: str) -> psutil.Process:
        """Return the process that computes for a node."""
        return psutil.Process(child_running(self.nodes[name].child.pid, ENGINE))

    async def until_free(self, name: str) -> float:
        """Wait until a node's engine itself reports no busy slot; return the milliseconds."""
        node, begun_at = self.nodes[name], time.perf_counter()

        async def is_free() -> bool:
            answer = await self.http.get(f"{node.url}/v1/stats", headers=node.headers)
            slots = answer.json()["slots"]
            return bool(slots) and not any(slot["busy"] for slot in slots)

        await eventually(is_free, f"a free slot on {name}")
        return (time.perf_counter() - begun_at) * 1000


@contextlib.asynccontextmanager
async def pair(tmp_path: Path, model: Path | None = None) -> AsyncIterator[Pair]:
    """Run the pair with `model`, None: the bundled one."""
    environment = {**isolated(tmp_path), "CEREBRUM_MODEL": str(model or "")}
    async with contextlib.AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(
                service("node_backend", key_name="CEREBRUM_API_KEY", environment=environment)
            )
            for _ in range(2)
        ]
        urls = [argument for node in running for argument in ("--node", node.url)]
        orchestrator = await stack.enter_async_context(
            service(
                "orchestrator",
                *urls,
                key_name="CEREBRUM_ORCHESTRATOR_KEY",
                environment={**environment, "CEREBRUM_NODE_KEY": running[0].key},
            )
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=orchestrator.url, headers=orchestrator.headers, timeout=60.0)
        )
        nodes = {node.url.removeprefix("http://"): node for node in running}
        both = Pair(nodes, http)

        async def are_ready() -> bool:
            return set((await both.node_states()).values()) == {"ready"}

        await eventually(are_ready, "two ready nodes")
        yield both


async def whole_text(both: Pair, **changes: object) -> str:
    """Return the answer of an undisturbed stream, from whichever node."""
    async with both.stream(**changes) as events:
        return "".join([event.get("token", "") async for event in events])


async def test_killing_the_node_in_the_middle_continues_on_the_other_with_the_same_text(
    tmp_path: Path, slow_model: Path
) -> None:
    async with pair(tmp_path, slow_model) as both:
        texts = {await whole_text(both) for _ in range(2)}  # both engines are warm then
        assert len(texts) == 1
        (whole,) = texts
        told, before = [], ""
        async with both.stream() as events:
            async for event in events:
                told.append(event)
                if not before and "token" in event and event["total_tokens"] >= 20:
                    before = "".join(each.get("token", "") for each in told)
                    both.kill(told[0]["node"])
        done = told[-1]
        assert done["done"] is True
        assert "error" not in done, done
        assert done["node"] != told[0]["node"]
        assert [event.get("stage") for event in told].count("failover") == 1
        assert "".join(event.get("token", "") for event in told) == whole
        assert 0 < len(before) < len(whole)
        assert done["usage"]["completion_tokens"] == ASK["max_tokens"]


async def test_killing_the_node_before_the_first_token_is_not_noticed(
    tmp_path: Path, slow_model: Path
) -> None:
    question = {"prompt": "x = 1\n" * 150, "max_tokens": 8}  # a prefill that takes a while
    async with pair(tmp_path, slow_model) as both:
        whole = await whole_text(both, **question)
        other = {**question, "prompt": "y = 1\n" * 150}  # nothing of it is in any cache
        async with both.stream(**other) as events:
            told = [await anext(events)]
            both.kill(told[0]["node"])
            told += [event async for event in events]
        assert "error" not in told[-1], told[-1]
        assert told[-1]["node"] != told[0]["node"]
        assert "".join(event.get("token", "") for event in told) == whole
        assert [event["done"] for event in told if "done" in event] == [True]


@pytest.mark.timeout(150)
async def test_loser_of_a_hedge_frees_its_slot_at_once(tmp_path: Path, slow_model: Path) -> None:
    """The first node's engine stands still until the second one has answered."""
    async with pair(tmp_path, slow_model) as both:
        await both.warm_up()
        for _ in range(HEDGES_TRIED):
            loser = await until_known_and_affordable(both)
            freed_ms = await hedge(both, loser)
            if freed_ms is not None:
                break
        # 100 ms is the aim, on a quiet machine; others compute on this one.
        assert freed_ms is not None, "no hedge was won"
        assert freed_ms < 1000, f"the loser's slot was free after {freed_ms:.0f} ms"


async def until_known_and_affordable(both: Pair) -> str:
    """Ask until one may be asked twice; return the node of which it is known when it is late."""
    served: Counter[str] = Counter()
    hedged = await both.hedged_total()
    unhedged = 0  # one that is late by itself takes what may be asked twice
    while max(served.values(), default=0) < ENOUGH_TO_BE_LATE or unhedged < REFILLS_BUDGET:
        async with both.stream(prompt=f"x = {served.total()}\n", max_tokens=4) as events:
            served[[event async for event in events][-1]["node"]] += 1
        before, hedged = hedged, await both.hedged_total()
        unhedged = unhedged + 1 if hedged == before else 0
    return served.most_common(1)[0][0]


async def hedge(both: Pair, loser: str) -> float | None:
    """Let a node be late; return after how many milliseconds it was free when it had lost.

    None where it was not: it had no turn, its answer was there too soon, or the other one was not
    idle just then.
    """
    engine, before = both.engine(loser), await both.hedged_total()
    for turn in range(REFILLS_BUDGET):
        async with both.stream(prompt=f"z = {turn}\n" * 20) as events:
            if (await anext(events))["node"] != loser:
                continue
            engine.suspend()
            try:
                tokens = (event async for event in events if "token" in event)
                async with asyncio.timeout(ANSWERED_WITHIN_S):
                    assert (await anext(tokens))["token"]
            except TimeoutError:
                return None
            finally:
                engine.resume()
            freed_ms = await both.until_free(loser)
            rest = [event async for event in events]
        hedged = await both.hedged_total() - before
        if hedged == 0:
            return None
        assert hedged == 1
        assert rest[-1]["node"] != loser
        return freed_ms
    return None


async def test_node_that_is_killed_is_no_loss_to_those_who_ask_next(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        await whole_text(both)
        victim = next(iter(both.nodes))
        both.kill(victim)
        for _ in range(4):
            answer = await both.http.post("/v1/complete", json={**ASK, "stream": False})
            assert answer.status_code == 200, answer.text
            assert answer.json()["node"] != victim
