"""`cerebrum-lsp try FILE:LINE --action NAME`: an action as an editor gets it, shown as a diff.

Nothing is written: it starts `cerebrum-lsp --stdio`, opens the file, chooses the action, and shows
what the edit that comes back would change.
"""

import asyncio
import contextlib
import difflib
import os
import sys
from collections.abc import Sequence
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient
from rich.console import Console
from rich.syntax import Syntax

from cerebrum_lsp import __version__
from cerebrum_lsp.core.actions.kinds import RULED, Triable
from cerebrum_lsp.daemon import STATUS
from cerebrum_lsp.documents import Document
from cerebrum_lsp.place import Place, PlaceError, parse_place
from cerebrum_lsp.server import TRIAL_CLIENT

EXIT_SHOWN = 0
EXIT_NOTHING_SHOWN = 1
EXIT_USAGE = 2
POOL_WAIT_S = 60.0  # for actions that need a model; rules need no pool

CAPABILITIES = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        code_action=types.CodeActionClientCapabilities(
            code_action_literal_support=types.ClientCodeActionLiteralOptions(
                types.ClientCodeActionKindOptions(["refactor"])
            ),
            data_support=True,
            resolve_support=types.ClientCodeActionResolveOptions(["edit"]),
        )
    ),
    window=types.WindowClientCapabilities(work_done_progress=True),
)


def run(place: str, action: Triable) -> int:
    """Show what the action does at `place`; return the exit status."""
    console = Console()
    try:
        where = parse_place(place)
    except PlaceError as error:
        console.print(f"[red]{error.message}[/]")
        return EXIT_USAGE
    return asyncio.run(_try(where, action.kind, console))


async def _try(where: Place, kind: str, console: Console) -> int:
    client = LanguageClient(TRIAL_CLIENT, __version__)
    await client.start_io(sys.executable, "-m", "cerebrum_lsp", "--stdio", env=os.environ)
    try:
        with console.status("starting the daemon") as status:
            edits = await _converse(client, where, kind, console, status.update)
    except (JsonRpcException, RuntimeError, OSError, TimeoutError) as error:
        console.print(f"[red]the daemon failed: {error}[/]")
        return EXIT_NOTHING_SHOWN
    finally:
        client.exit(None)
        await client.stop()  # type: ignore[no-untyped-call] # pygls
    if edits is None:
        return EXIT_NOTHING_SHOWN
    console.print(Syntax(_difference(where, edits), "diff", background_color="default"))
    return EXIT_SHOWN


async def _converse(
    client: LanguageClient, where: Place, kind: str, console: Console, tell: Any
) -> Sequence[types.TextEdit] | None:
    """Hold the session that an editor would; return the edits of the document, if any."""
    ready = asyncio.Event()
    _listen(client, console, tell, ready)
    uri = where.file.as_uri()
    await client.initialize_async(
        types.InitializeParams(
            capabilities=CAPABILITIES,
            process_id=os.getpid(),
            client_info=types.ClientInfo(TRIAL_CLIENT, __version__),
            root_uri=where.file.parent.as_uri(),
        )
    )
    client.initialized(types.InitializedParams())
    document = types.TextDocumentItem(uri, where.language, 1, where.text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    if kind not in RULED:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), POOL_WAIT_S)
    tell("asking")
    at = types.Position(where.line, where.utf16_column)
    found = await client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri),
            types.Range(at, at),
            types.CodeActionContext([], only=[kind]),
        )
    )
    action = next((each for each in found or () if getattr(each, "kind", "") == kind), None)
    if not isinstance(action, types.CodeAction):
        console.print("[yellow]this action isn't offered here: no such code, or no such model[/]")
        return None
    resolved = await client.code_action_resolve_async(action)
    await client.shutdown_async(None)
    changes = resolved.edit.changes if resolved.edit else None
    return changes[uri] if changes else None


def _listen(client: LanguageClient, console: Console, tell: Any, ready: asyncio.Event) -> None:
    def on_message(params: types.ShowMessageParams) -> None:
        console.print(params.message, markup=False, highlight=False)

    def on_progress(params: types.ProgressParams) -> None:
        if isinstance(params.value, dict) and (words := params.value.get("message")):
            tell(words)

    def on_status(params: Any) -> None:
        tell(params.message)
        if params.state != "loading":
            ready.set()

    client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda _: None)
    client.feature(types.WINDOW_SHOW_MESSAGE)(on_message)
    client.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(lambda _: None)
    client.feature(types.PROGRESS)(on_progress)
    client.feature(STATUS)(on_status)


def _difference(where: Place, edits: Sequence[types.TextEdit]) -> str:
    changed = Document(where.file.as_uri(), where.text, 1, where.language)
    for edit in sorted(edits, key=_start, reverse=True):
        changed.apply_change(types.TextDocumentContentChangePartial(edit.range, edit.new_text))
    name = where.file.name
    before, after = where.text.splitlines(), changed.source.splitlines()
    return "\n".join(difflib.unified_diff(before, after, name, name, lineterm=""))


def _start(edit: types.TextEdit) -> tuple[int, int]:
    return edit.range.start.line, edit.range.start.character
