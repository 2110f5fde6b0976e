"""A node that runs as a child of the orchestrator: this machine's own, or one for a plain host.

A host with Ollama or llama-server and no agent on it gets its agent here: a node whose engine is
that server. So the pool has one wire, and prompts are built where the models' formats are known.
"""

import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping

from cerebrum_kit.child import ChildFailedError, ChildSpec
from cerebrum_kit.connection import HttpError
from cerebrum_kit.supervisor import Supervisor
from orchestrator.errors import NoNodeError
from orchestrator.members import Member, Observation
from orchestrator.node_config import NodeConfig
from orchestrator.node_http import NodeHttp
from orchestrator.nodes import NodeClient
from orchestrator.pool import Pool

NODE_ARGV = (sys.executable, "-m", "node_backend", "serve", "--port", "0", "--announce")
STARTING = Observation("loading", reason="the node is starting")
LOOK_AGAIN_S = 5.0  # for a host that is not there: somebody may have just switched it on
LOOK_TIMEOUT_S = 3.0

Environment = Mapping[str, str]


class ChildNode:
    """Starts the node, restarts it when it ends, and tells the pool where it is.

    `environment` is what it is started with; it raises NoNodeError while that can't be known.
    """

    def __init__(
        self,
        pool: Pool,
        member: Member,
        http: NodeHttp,
        look: Callable[[Member], None],
        environment: Callable[[], Awaitable[Environment]],
    ) -> None:
        self._pool = pool
        self._member = member
        self._http = http
        self._look = look
        self._environment = environment
        self._key = secrets.token_urlsafe(32)
        self._given: Environment = {}
        self._supervisor = Supervisor(self._spec, on_change=self._on_change)
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once, the member's state says how far it is."""
        self._pool.move(self._member, None, STARTING)
        self._starting = asyncio.create_task(self._ensure(), name=f"node {self._member.name}")

    async def stop(self) -> None:
        """End the node. Returns when it is gone."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._supervisor.stop()

    def _spec(self) -> ChildSpec:
        return ChildSpec("node", NODE_ARGV, env={**self._given, "CEREBRUM_API_KEY": self._key})

    async def _ensure(self) -> None:
        while True:
            try:
                self._given = await self._environment()
                break
            except NoNodeError as error:
                gone = Observation("unreachable", reason=error.message)
                self._pool.move(self._member, None, gone)
                await asyncio.sleep(LOOK_AGAIN_S)
        with contextlib.suppress(ChildFailedError):  # the supervisor has logged it, and goes on
            await self._supervisor.ensure()

    def _on_change(self) -> None:
        match self._supervisor.state:
            case "running":
                child = self._supervisor.child
                assert child is not None  # noqa: S101 - what runs is there
                url = f"http://127.0.0.1:{child.announced['port']}"
                client = NodeClient(self._http, self._member.name, url, self._key)
                self._pool.move(self._member, client, STARTING)
                self._look(self._member)
            case "starting":
                self._pool.move(self._member, None, STARTING)
            case "waiting":
                why = self._supervisor.failure or "the node keeps ending"
                self._pool.move(self._member, None, Observation("unreachable", reason=why))
            case "stopped":
                gone = Observation("unreachable", reason="the node was stopped")
                self._pool.move(self._member, None, gone)


async def as_configured() -> Environment:
    """Return what the node of this machine is started with: what its owner has set."""
    return {}


async def on_host(http: NodeHttp, host: NodeConfig, key: str | None) -> Environment:
    """Return what a node for a plain `host` is started with.

    Raises NoNodeError while the host doesn't answer, or has no model.
    """
    url = host.url.rstrip("/")
    is_ollama = host.kind == "ollama"
    model = host.model or await _first_model(http, url, key, is_ollama=is_ollama)
    return {
        "CEREBRUM_NODE_ENGINE": "ollama" if is_ollama else "openai",
        "CEREBRUM_NODE_ENGINE_URL": url if is_ollama else f"{url}/v1",
        "CEREBRUM_NODE_ENGINE_KEY": key or "",
        "CEREBRUM_MODEL": model,
        "CEREBRUM_NODE_MODEL": model,
        "CEREBRUM_NODE_MAX_OTHERS_CPU_PERCENT": "100",  # it is not this machine that computes
    }


async def _first_model(http: NodeHttp, url: str, key: str | None, *, is_ollama: bool) -> str:
    of_ollama, of_openai = ("/api/tags", "models", "name"), ("/v1/models", "data", "id")
    path, many, name = of_ollama if is_ollama else of_openai
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            answer = await http.get(url + path, headers)
        return str(json.loads(answer.body)[many][0][name])
    except IndexError:
        raise NoNodeError(f"{url} has no model") from None
    except (TimeoutError, HttpError, ValueError, LookupError, TypeError):
        raise NoNodeError(f"{url} does not answer as it should") from None
