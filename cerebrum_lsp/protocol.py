"""pygls's protocol, mended where a request would go unanswered or an answer would tell too much.

pygls leaves malformed requests without an answer, and puts tracebacks and messages of exceptions,
which may quote what was sent, into its errors (L1).
"""

import logging
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol

from cerebrum_kit.logs import event
from cerebrum_lsp.documents import documents_of

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
        if method is None and not hasattr(message, "jsonrpc"):
            self.refuse(None, types.ErrorCodes.InvalidRequest)
        elif self._workspace is None and method not in BEFORE_INITIALIZE:
            self._refuse_request(message, types.ErrorCodes.ServerNotInitialized)
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
        if error is not None:
            log.info(event("request.failed", id=msg_id, code=error.code))
            error = types.ResponseError(error.code, WORDS.get(error.code, error.message))
        super()._send_response(msg_id, result, error)
