"""The least that a language server on pygls can be: the reference for start-up and replay."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "0")


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
def inline_completion(_: types.InlineCompletionParams) -> None:
    """Answer at once, with nothing."""


if __name__ == "__main__":
    server.start_io()
