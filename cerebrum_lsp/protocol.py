"""pygls's protocol, mended where a request would go unanswered or an answer would tell too much.

pygls leaves malformed requests without an answer, and puts tracebacks and messages of exceptions,
which may quote what was sent, into its errors (L1).
"""

import json
import logging
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

from cerebrum_kit.logs import event
from cerebrum_lsp.documents import documents_of
from cerebrum_lsp.edits import edit_of

WORDS = {
    types.ErrorCodes.ParseError.value: "the message is no JSON",
    types.ErrorCodes.InvalidRequest.value: "the message is no request that can be taken now",
    types.ErrorCodes.InvalidParams.value: "the parameters are not what this method takes",
    types.ErrorCodes.InternalError.value: "an internal error; the server's log has more",
    types.ErrorCodes.ServerNotInitialized.value: "the server has not been initialized",
}
BEFORE_INITIALIZE = {types.INITIALIZE, types.EXIT}

log = logging.getLogger(__name__)


class CerebrumProtocol(LanguageServerProtocol):
    """Answers every request exactly once, with an error that quotes nothing if it must."""

    @property
    def is_shut_down(self) -> bool:
        """Whether the client has asked to shut down."""
        return self._shutdown

    def receive(self, body: bytes) -> None:
        """Take in one message as it came."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            self.refuse(None, types.ErrorCodes.ParseError)
            return
        if not isinstance(data, dict) or data.get("jsonrpc") != self.VERSION:
            known = data.get("id") if isinstance(data, dict) else None
            self.refuse(known, types.ErrorCodes.InvalidRequest)
            return
        try:
            if not self._take_edit(data):
                self._take(data)
        except Exception as error:
            log.warning(event("message.failed", error=type(error).__name__))

    def _take(self, data: dict[str, Any]) -> None:
        message = self.structure_message(data)
        if "id" in data and "method" in data and not hasattr(message, "id"):
            # A notification's method, sent as a request: somebody waits for an answer.
            self.refuse(data["id"], types.ErrorCodes.InvalidRequest)
        else:
            self.handle_message(message)

    def _take_edit(self, data: dict[str, Any]) -> bool:
        """Handle a message if it is a well-formed edit; return whether it was.

        There is one for each key, so it goes the short way, past converters and generators.
        """
        if data.get("method") != types.TEXT_DOCUMENT_DID_CHANGE or "id" in data:
            return False
        edit = edit_of(data.get("params"))
        handler = self.fm.features.get(types.TEXT_DOCUMENT_DID_CHANGE)
        if edit is None or handler is None or self._workspace is None or self._shutdown:
            return False
        for change in edit.content_changes:
            self._workspace.update_text_document(edit.text_document, change)
        handler(edit)
        return True

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Give a message its type; a request that has none is answered here, and raises."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            if "id" in data and "method" in data:
                self.refuse(data["id"], types.ErrorCodes.InvalidParams)
            raise

    def handle_message(self, message: Any) -> None:
        """Hand a message on, unless this is not the time for it."""
        method = getattr(message, "method", None)
        if self._workspace is None and method not in BEFORE_INITIALIZE:
            self._refuse_request(message, types.ErrorCodes.ServerNotInitialized)
        elif method == types.INITIALIZE and self._workspace is not None:
            self._refuse_request(message, types.ErrorCodes.InvalidRequest)  # once is enough
        elif self._shutdown and method != types.EXIT:
            self._refuse_request(message, types.ErrorCodes.InvalidRequest)
        else:
            super().handle_message(message)

    def keep_documents_as_lines(self) -> None:
        """Use documents of our own; call it while `initialize` is handled, before any is open."""
        self._workspace = documents_of(self.workspace)

    def refuse(self, request_id: object, code: types.ErrorCodes) -> None:
        """Answer a request with an error."""
        known = request_id if isinstance(request_id, str | int) else None
        error = {"code": code.value, "message": WORDS[code.value]}
        log.info(event("request.refused", id=known, code=code.value))
        # As a plain object: pygls's own would leave out an id that is null.
        self._send_data({"jsonrpc": self.VERSION, "id": known, "error": error})

    def _refuse_request(self, message: Any, code: types.ErrorCodes) -> None:
        if hasattr(message, "method") and hasattr(message, "id"):
            self.refuse(message.id, code)

    def _send_response(
        self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None
    ) -> None:
        if error is not None and error.code != types.LSPErrorCodes.RequestCancelled.value:
            log.info(event("request.failed", id=msg_id, code=error.code))
        if error is not None:
            error = types.ResponseError(error.code, WORDS.get(error.code, error.message))
        super()._send_response(msg_id, result, error)
