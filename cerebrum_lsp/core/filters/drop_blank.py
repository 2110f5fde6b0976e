"""Nothing but white space is nothing to say."""

from cerebrum_lsp.core.document import Snapshot


def drop_blank(text: str, _: Snapshot) -> str:
    """Drop a completion without a visible character."""
    return text if text.strip() else ""
