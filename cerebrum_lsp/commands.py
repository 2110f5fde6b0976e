"""The commands that a client may run: what they do, apart from their wiring."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from cerebrum_lsp.core.acceptance import Acceptance
from cerebrum_lsp.core.explanations import explanation_of
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.embedded import PoolAddresses
from cerebrum_lsp.errors import DaemonError
from cerebrum_lsp.preferences import Preferences
from cerebrum_lsp.status import StatusBar, StatusWatcher

SETTLES_WITHIN_S = 10.0  # of a pool that was asked again: to hear of it, or that nobody answers


class Commands:
    """What stands behind `workspace/executeCommand`; each takes a list of arguments.

    Wrong arguments raise JsonRpcInvalidParams. `apply` carries out changed preferences, `reconnect`
    looks for the pool again.
    """

    def __init__(
        self,
        addresses: PoolAddresses,
        watcher: StatusWatcher,
        bar: StatusBar,
        preferences: Preferences,
        apply: Callable[[], None],
        reconnect: Callable[[], Awaitable[None]],
    ) -> None:
        self._addresses = addresses
        self._watcher = watcher
        self._bar = bar
        self._preferences = preferences
        self._apply = apply
        self._reconnect = reconnect
        self._restarting = asyncio.Lock()

    async def restart_pool(self) -> dict[str, object]:
        """End the local pool and start it anew; one that runs elsewhere is only looked for."""
        async with self._restarting:
            await self._addresses.end()
            await self._reconnect()
            try:
                where = (await self._addresses.current()).url
            except DaemonError as error:
                return {"restarted": False, "message": error.message}
            try:
                async with asyncio.timeout(SETTLES_WITHIN_S):
                    await self._watcher.settled.wait()
            except TimeoutError:
                return {"restarted": False, "message": f"the pool at {where} says nothing"}
        what = (
            "the pool was started anew"
            if self._addresses.is_local
            else (f"the pool at {where} runs elsewhere and is restarted there; connected anew")
        )
        message = f"{what} ({self._watcher.status.message})"
        return {"restarted": self._addresses.is_local, "message": message}

    def select_model(self, arguments: list[object]) -> dict[str, object]:
        """Return the pool's models, after selecting the one that is named."""
        message = None
        if arguments:
            model = _text_of(*_up_to(1, arguments))
            known = self._watcher.picture.models()
            if model is None or model in known:
                self._preferences.select_model(model)
                self._apply()
            else:
                message = f"no node of the pool has the model {model!r}; see cerebrum-node models"
        return {
            "selected": self._preferences.current.model,
            "models": [
                {
                    "name": model,
                    "nodes": [node.name for node in nodes],
                    "loaded": any(n.model == model and n.state == "ready" for n in nodes),
                }
                for model, nodes in self._watcher.picture.models().items()
            ],
            "message": message,
        }

    def set_enabled(self, arguments: list[object]) -> dict[str, object]:
        """Switch completions on or off for this session, for all languages or one."""
        enabled, language = _up_to(2, arguments)
        if not isinstance(enabled, bool | None):
            raise JsonRpcInvalidParams
        self._preferences.enable(enabled, _text_of(language))
        self._apply()
        current = self._preferences.current
        return {"enabled": current.enabled, "languages": current.languages}

    async def status(self) -> dict[str, object]:
        """Return the notification's parameters, and where the pool is."""
        url = None
        if self._watcher.picture.nodes:
            url = (await self._addresses.current()).url
        pool = {"url": url, "isLocal": self._addresses.is_local}
        return {**self._bar.status.to_params(), "pool": pool}


def accepted(acceptance: Acceptance, arguments: list[object]) -> dict[str, object]:
    """Take in what a client says was accepted, if it does; return the counts."""
    if arguments:
        match _up_to(1, arguments):
            case [{"uri": str(uri), "kind": "whole" | "line" | "word" as kind}]:
                acceptance.on_report(uri, kind)
            case _:
                raise JsonRpcInvalidParams
    return asdict(acceptance.counts)


def cursor(arguments: list[object]) -> tuple[str, types.Position]:
    """Return the document and the place in it where a client says that its cursor rests."""
    match _up_to(1, arguments):
        case [{"uri": str(uri), "position": {"line": int(line), "character": int(character)}}]:
            if line >= 0 and character >= 0:
                return uri, types.Position(line, character)
    raise JsonRpcInvalidParams


def why(journal: Journal, arguments: list[object]) -> list[dict[str, object]]:
    """Return what became of the last requests, newest first."""
    uri = _text_of(*_up_to(1, arguments))
    return [
        {
            **asdict(record),
            "tokens_per_s": record.tokens_per_s,
            "explanation": explanation_of(record.outcome, record.message, again_at(record)),
        }
        for record in journal.latest(uri)
    ]


def again_at(record: Record) -> str | None:
    """Return the time of day at which a refused request can be made again."""
    if record.retry_after_s is None:
        return None
    return f"{datetime.fromtimestamp(record.at + record.retry_after_s):%H:%M:%S}"


def _up_to(most: int, arguments: list[object]) -> list[object]:
    """Return `most` arguments, those that were left out as None."""
    if len(arguments) > most:
        raise JsonRpcInvalidParams
    return [*arguments, *[None] * (most - len(arguments))]


def _text_of(argument: object) -> str | None:
    if not isinstance(argument, str | None):
        raise JsonRpcInvalidParams
    return argument
