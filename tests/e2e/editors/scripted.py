"""A pool for an editor: a real orchestrator, and a node that does as it is told."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from node_backend.wire import ModelInfo
from tests.e2e.processes import Service, isolated, service
from tests.fakes.node import FakeNode

KEY_NAME = "CEREBRUM_ORCHESTRATOR_KEY"


@dataclass(frozen=True)
class ScriptedPool:
    """A pool whose node does as it is told."""

    node: FakeNode
    orchestrator: Service
    environment: dict[str, str]
    """Nothing of the user's own, and neither address nor key of the pool."""

    @property
    def user_environment(self) -> dict[str, str]:
        """What a user's editor is started in, who has the daemon on PATH, and this pool."""
        programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
        return {
            **self.environment,
            "PATH": os.pathsep.join(programs),
            "CEREBRUM_ORCHESTRATOR_URL": self.orchestrator.url,
            KEY_NAME: self.orchestrator.key,
        }


@contextlib.asynccontextmanager
async def scripted_pool(folder: Path, *models: str) -> AsyncIterator[ScriptedPool]:
    """Run a pool with its files in `folder`; its node has `models` beside its usual one."""
    environment = isolated(folder)
    scripted = FakeNode()
    scripted.models += [ModelInfo(name=name, size_bytes=1) for name in models]
    async with (
        scripted as node,
        service(
            "orchestrator", "--node", node.url, key_name=KEY_NAME, environment=environment
        ) as orchestrator,
    ):
        yield ScriptedPool(node, orchestrator, environment)
