"""Asks the client for its settings, at the beginning and whenever it says that they changed."""

import asyncio
import logging
from collections.abc import Callable

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from cerebrum_kit.logs import event
from cerebrum_lsp.preferences import SECTION

PULL_TIMEOUT_S = 10.0  # an editor that is busy answers late; one that never does is let be

log = logging.getLogger(__name__)


class Configuration:
    """The settings of one client, pulled if it lets us, else as it pushes them.

    `take` gets each that comes.
    """

    def __init__(self, server: LanguageServer, take: Callable[[object], None]) -> None:
        self._server = server
        self._take = take
        self._pulling: asyncio.Task[None] | None = None
        self._pulls = _can_pull(server.client_capabilities)

    def start(self) -> None:
        """Ask to be told of changes, and ask for what is set now."""
        if _can_register(self._server.client_capabilities):
            self._register()
        if self._pulls:
            self._pull()

    def changed(self, pushed: object) -> None:
        """Take note that the client has changed something; what it pushed may be empty."""
        if self._pulls:
            self._pull()
        elif pushed is not None:
            self._take(pushed)

    async def close(self) -> None:
        """Wait for nothing any more."""
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.gather(self._pulling, return_exceptions=True)

    def _register(self) -> None:
        options = types.DidChangeConfigurationRegistrationOptions(section=SECTION)
        method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
        registration = types.Registration(f"{SECTION}.configuration", method, options)
        self._server.client_register_capability(types.RegistrationParams([registration]))

    def _pull(self) -> None:
        # What was asked before is out of date by now.
        if self._pulling is not None:
            self._pulling.cancel()
        self._pulling = asyncio.create_task(self._ask(), name="configuration")

    async def _ask(self) -> None:
        params = types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
        try:
            async with asyncio.timeout(PULL_TIMEOUT_S):
                answer = await self._server.workspace_configuration_async(params)
        except (JsonRpcException, TimeoutError) as error:
            log.info(event("settings.not_told", error=type(error).__name__))
            return
        self._take(answer[0] if answer else None)


def _can_pull(capabilities: types.ClientCapabilities) -> bool:
    return bool(capabilities.workspace and capabilities.workspace.configuration)


def _can_register(capabilities: types.ClientCapabilities) -> bool:
    changes = capabilities.workspace and capabilities.workspace.did_change_configuration
    return bool(changes and changes.dynamic_registration)
