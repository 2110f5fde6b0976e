"""What goes over the wire for good, bad and misplaced messages; the server in this process."""

import asyncio
import hashlib
import json
from typing import Any

import pytest

from cerebrum_lsp.server import CerebrumServer, create_server
from cerebrum_lsp.transport import pump

PRIVATE = "def private(): pass"


class Wire:
    """Collects what the server writes."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        """Nothing to close."""

    def messages(self) -> list[dict[str, Any]]:
        found = []
        rest = self.written
        while rest:
            header, _, rest = rest.partition(b"\r\n\r\n")
            length = int(header.split(b"\r\n")[0].removeprefix(b"Content-Length: "))
            found.append(json.loads(rest[:length]))
            rest = rest[length:]
        return found


async def exchange(*messages: object, server: CerebrumServer | None = None) -> list[dict[str, Any]]:
    """Send messages (bytes as they are, anything else as JSON); return what was answered."""
    server = server or create_server()
    wire, reader = Wire(), asyncio.StreamReader()
    server.protocol.set_writer(wire)
    for message in messages:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        reader.feed_data(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    reader.feed_eof()
    await pump(server, reader)
    for _ in range(10):  # handlers that are tasks answer some turns of the loop later
        await asyncio.sleep(0)
    return wire.messages()


def request(number: int, method: str, params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


INITIALIZE = request(1, "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
DOCUMENT = {"uri": "file:///a.py"}
COMPLETION = "textDocument/inlineCompletion"
AT_START = {
    "textDocument": DOCUMENT,
    "position": {"line": 0, "character": 0},
    "context": {"triggerKind": 1},
}


async def check(message: object, expected_id: object, code: int) -> None:
    """An initialized server answers `message` once, with this error, and quotes nothing of it."""
    first, *answers = await exchange(INITIALIZE, message)
    assert "result" in first
    (answer,) = answers
    assert (answer["id"], answer["error"]["code"]) == (expected_id, code)
    assert set(answer["error"]) == {"code", "message"}, "no traceback"
    assert "private" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("message", "expected_id", "code"),
    [
        pytest.param(request(2, COMPLETION, {}), 2, -32602, id="no parameters"),
        pytest.param(request(2, COMPLETION, [PRIVATE]), 2, -32602, id="a list"),
        pytest.param(
            request(2, COMPLETION, {**AT_START, "position": PRIVATE}), 2, -32602, id="wrong type"
        ),
        pytest.param(request(2, "no/such/method", PRIVATE), 2, -32601, id="unknown method"),
        pytest.param(
            request(2, "workspace/executeCommand", {"command": "x", "arguments": [PRIVATE]}),
            2,
            -32602,
            id="unknown command",
        ),
        pytest.param(
            request(2, "workspace/executeCommand", {"command": "cerebrum.documentHash"}),
            2,
            -32603,
            id="a command without its argument",
        ),
        pytest.param(
            {**request(2, COMPLETION, AT_START), "jsonrpc": "1.0"}, 2, -32600, id="version"
        ),
        pytest.param(b"[" * 100_000, None, -32700, id="too deep"),
        pytest.param(b"{" + PRIVATE.encode(), None, -32700, id="no JSON"),
        pytest.param(b"\xff\xfe\xfd", None, -32700, id="no text"),
        pytest.param([PRIVATE], None, -32600, id="no object"),
        pytest.param({"private": 1}, None, -32600, id="no JSON-RPC"),
        pytest.param(
            {**request(0, COMPLETION, {}), "id": {"private": 1}}, None, -32602, id="wrong id"
        ),
    ],
)
async def test_a_bad_message_is_answered_once_and_not_quoted(
    message: object, expected_id: object, code: int
) -> None:
    await check(message, expected_id, code)


async def test_a_request_before_initialize_is_refused() -> None:
    (answer,) = await exchange(request(1, COMPLETION, AT_START))
    assert (answer["id"], answer["error"]["code"]) == (1, -32002)


async def test_a_request_after_shutdown_is_refused() -> None:
    server = create_server()
    await exchange(INITIALIZE, server=server)
    server.protocol._shutdown = True
    (answer,) = await exchange(request(2, COMPLETION, AT_START), server=server)
    assert (answer["id"], answer["error"]["code"]) == (2, -32600)


async def test_a_document_that_is_not_open_has_nothing_to_show_and_is_not_read() -> None:
    _, answer = await exchange(INITIALIZE, request(2, COMPLETION, AT_START))
    assert (answer["id"], answer["result"]) == (2, None)


def edit(line: int, start: int, end: int, text: str) -> dict[str, object]:
    """Return a change of the first document: characters of a line, in UTF-16 units."""
    places = {
        "start": {"line": line, "character": start},
        "end": {"line": line, "character": end},
    }
    change = {
        "textDocument": {**DOCUMENT, "version": 2},
        "contentChanges": [{"range": places, "text": text}],
    }
    return {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": change}


@pytest.mark.parametrize(
    ("text", "change", "result"),
    [
        pytest.param("a\nb\n", edit(1, 0, 1, "é"), "a\né\n", id="a character"),
        pytest.param("😋a\n", edit(0, 2, 3, "b"), "😋b\n", id="after an astral one"),
        pytest.param("a\fb\nc\n", edit(1, 0, 1, "d"), "a\fb\nd\n", id="a form feed is no line end"),
        pytest.param("a\r\nb", edit(1, 1, 9, "\r\n"), "a\r\nb\r\n", id="CRLF"),
    ],
)
async def test_the_hash_is_of_the_text_that_edits_have_made(
    text: str, change: object, result: str
) -> None:
    document = {**DOCUMENT, "languageId": "python", "version": 1, "text": text}
    hash_of = {"command": "cerebrum.documentHash", "arguments": [DOCUMENT["uri"]]}
    *_, answer = await exchange(
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}},
        change,
        request(2, "workspace/executeCommand", hash_of),
    )
    expected = hashlib.sha1(result.encode(), usedforsecurity=False).hexdigest()
    assert answer["result"] == expected
