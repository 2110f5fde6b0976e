"""Code goes out without its secrets, and comes back with them."""

import re

from cerebrum_lsp.core.secrets.redact import redact

PLACEHOLDER = re.compile(r"<secret:[\w-]+>")


def cut(code: str) -> str:
    """Return the code as it may be sent."""
    return redact(code).text


def restored(answer: str, code: str) -> str | None:
    """Put the secrets of `code` back where the answer to `cut(code)` names them.

    None when it isn't certain which belongs where: when the answer has other placeholders than it
    was given, or they belong to a text of several lines.
    """
    if not PLACEHOLDER.search(answer):
        return answer
    secrets = _secrets(code)
    if secrets is None or PLACEHOLDER.findall(answer) != [name for name, _ in secrets]:
        return None
    values = iter([value for _, value in secrets])
    return PLACEHOLDER.sub(lambda _: next(values), answer)


def _secrets(code: str) -> list[tuple[str, str]] | None:
    """Return each placeholder that takes the place of something, with what it is."""
    sent = cut(code)
    if code.count("\n") != sent.count("\n"):
        return None
    found = list[tuple[str, str]]()
    for old, new in zip(code.split("\n"), sent.split("\n"), strict=True):
        if old == new:
            continue
        pieces = PLACEHOLDER.split(new)
        matched = re.fullmatch("(.+?)".join(map(re.escape, pieces)), old)
        if matched is None:
            return None
        found += zip(PLACEHOLDER.findall(new), matched.groups(), strict=True)
    return found
