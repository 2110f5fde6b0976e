"""`cerebrum-lsp try`: a real editor session in the terminal, for one completion.

It starts `cerebrum-lsp --stdio` as an editor does, opens the file, asks for a completion, and
shows what the daemon sends.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient
from rich.console import Console
from rich.live import Live

from cerebrum_kit.runtime import RUNTIME_DIR_ENV
from cerebrum_lsp import __version__, embedded
from cerebrum_lsp.daemon import GROWTH, STATUS
from cerebrum_lsp.place import Place, PlaceError, default_place, parse_place
from cerebrum_lsp.server import TRIAL_CLIENT
from cerebrum_lsp.trial_view import TrialView, summary

EXIT_SHOWN = 0
EXIT_NOTHING_SHOWN = 1
EXIT_USAGE = 2

POOL_WAIT_S = 60.0  # then the question is asked all the same, and its answer says what is wrong
DEADLINE_MS = 120_000  # a first run loads a model, perhaps from a slow disk


def run(place: str | None, *, retype: bool, own_pool: bool) -> int:
    """Complete at `place` and show it; return the exit status.

    `retype` leaves out the rest of the line, as if it had yet to be typed.
    """
    console = Console()
    try:
        where = parse_place(place) if place else default_place()
        where = where.retyped() if retype else where
    except PlaceError as error:
        console.print(f"[red]{error.message}[/]")
        return EXIT_USAGE
    if not own_pool:
        return asyncio.run(_try(where, console, os.environ))
    with tempfile.TemporaryDirectory(prefix="cerebrum-") as folder:
        try:
            environment = {**os.environ, RUNTIME_DIR_ENV: folder}
            return asyncio.run(_try(where, console, environment))
        finally:
            embedded.stop(Path(folder))


async def _try(where: Place, console: Console, environment: Mapping[str, str]) -> int:
    client = LanguageClient(TRIAL_CLIENT, __version__)
    view = TrialView(where)
    ready, grown = asyncio.Event(), asyncio.Event()
    with Live(view, console=console, refresh_per_second=12, transient=False) as live:
        _listen(client, view, live, ready, grown)
        await client.start_io(sys.executable, "-m", "cerebrum_lsp", "--stdio", env=environment)
        try:
            text, record = await _converse(client, where, view, ready, grown)
        except (JsonRpcException, RuntimeError, OSError, TimeoutError) as error:
            live.stop()
            console.print(f"[red]the daemon failed: {error}[/]")
            client.exit(None)
            return EXIT_NOTHING_SHOWN
        finally:
            await client.stop()  # type: ignore[no-untyped-call] # pygls
        view.is_finished = True
    console.print()
    if record is not None:
        console.print(summary(record))
    return EXIT_SHOWN if text else EXIT_NOTHING_SHOWN


def _listen(
    client: LanguageClient,
    view: TrialView,
    live: Live,
    ready: asyncio.Event,
    grown: asyncio.Event,
) -> None:
    def on_growth(params: Any) -> None:
        view.text = params.text
        live.refresh()
        if params.done:
            grown.set()

    def on_status(params: Any) -> None:
        view.status = params.message
        if params.state != "loading":
            ready.set()

    def on_message(params: types.ShowMessageParams) -> None:
        view.status = params.message

    client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda _: None)  # the summary says it
    client.feature(GROWTH)(on_growth)
    client.feature(STATUS)(on_status)
    client.feature(types.WINDOW_SHOW_MESSAGE)(on_message)


async def _converse(
    client: LanguageClient,
    where: Place,
    view: TrialView,
    ready: asyncio.Event,
    grown: asyncio.Event,
) -> tuple[str, dict[str, Any] | None]:
    """Hold the session that an editor would; return the text and its record."""
    await client.initialize_async(
        types.InitializeParams(
            capabilities=types.ClientCapabilities(),
            process_id=os.getpid(),
            client_info=types.ClientInfo(TRIAL_CLIENT, __version__),
            root_uri=where.file.parent.as_uri(),
            initialization_options={"growingCompletions": True, "manualDeadlineMs": DEADLINE_MS},
        )
    )
    client.initialized(types.InitializedParams())
    uri = where.file.as_uri()
    document = types.TextDocumentItem(uri, where.language, 1, where.text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ready.wait(), POOL_WAIT_S)
    view.status = "asking"
    answer = await client.text_document_inline_completion_async(
        types.InlineCompletionParams(
            text_document=types.TextDocumentIdentifier(uri),
            position=types.Position(where.line, where.utf16_column),
            context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked),
        )
    )
    items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or []
    if items:
        # The answer may be a first line, of which the rest was still to come.
        await asyncio.wait_for(grown.wait(), DEADLINE_MS / 1000)
    records = await client.workspace_execute_command_async(
        types.ExecuteCommandParams("cerebrum.whyNoCompletion", [uri])
    )
    await client.shutdown_async(None)
    client.exit(None)
    return view.text if items else "", records[0] if records else None
