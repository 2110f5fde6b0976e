"""VS Code as a server: started with folders of its own, and gone at the end."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.e2e.processes import eventually
from tests.e2e.vscode.programs import Programs

SERVE = [
    "--auth=none",
    "--disable-telemetry",
    "--disable-update-check",
    "--disable-getting-started-override",
    "--disable-proxy",
]

USER_SETTINGS: dict[str, object] = {
    "editor.wordBasedSuggestions": "off",
    "editor.quickSuggestions": {"other": "off"},
    "editor.minimap.enabled": False,
    "files.autoSave": "off",
    "files.hotExit": "off",
    "git.enabled": False,
    "window.restoreWindows": "none",
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.tips.enabled": False,
    "workbench.enableExperiments": False,
    "chat.disableAIFeatures": True,
    "telemetry.telemetryLevel": "off",
    "extensions.ignoreRecommendations": True,
}


@dataclass(frozen=True)
class CodeServer:
    """A running VS Code; its settings may be written at any time."""

    url: str
    data: Path
    workspace: Path
    pid: int

    def write_machine_settings(self, settings: Mapping[str, object]) -> None:
        """Write what a workspace can't set: VS Code reads it again by itself."""
        write_settings(self.data / "Machine", settings)


def write_settings(folder: Path, settings: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "settings.json.new"
    whole.write_text(json.dumps(settings, indent=4))
    whole.replace(folder / "settings.json")


@contextlib.asynccontextmanager
async def code_server(
    programs: Programs, folder: Path, environment: Mapping[str, str], *arguments: str
) -> AsyncIterator[CodeServer]:
    """Run VS Code with the extension in it, and a workspace in `folder`."""
    data, workspace, port = folder / "data", folder / "project", free_port()
    workspace.mkdir()
    write_settings(data / "User", USER_SETTINGS)
    # Sockets lie below the temporary folder, and the name of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="ce-") as temporary:
        command = [str(programs.node), str(programs.code_server), f"--user-data-dir={data}"]
        command += [f"--extensions-dir={folder / 'extensions'}", f"--config={folder / 'c.yaml'}"]
        own = {**os.environ, **environment, "HOME": str(folder), "TMPDIR": temporary}
        log = (folder / "code-server.log").open("wb")
        with log:
            await _install(command, programs.extension, own)
            server = await asyncio.create_subprocess_exec(
                *command,
                *SERVE,
                *arguments,
                f"--bind-addr=127.0.0.1:{port}",
                str(workspace),
                env=own,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                url = f"http://127.0.0.1:{port}"
                await _until_answers(f"{url}/healthz")
                yield CodeServer(f"{url}/?folder={workspace}", data, workspace, server.pid)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGKILL)
                await server.wait()


async def _install(command: list[str], extension: Path, environment: Mapping[str, str]) -> None:
    installation = await asyncio.create_subprocess_exec(
        *command,
        f"--install-extension={extension}",
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await installation.communicate()
    assert installation.returncode == 0, output.decode()


async def _until_answers(url: str) -> None:
    async with httpx.AsyncClient() as http:

        async def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await http.get(url)).is_success
            return False

        await eventually(answers, f"an answer of {url}")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
