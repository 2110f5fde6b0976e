"""Names and the words that they are made of."""

import re

CAMEL_WORD = re.compile(r"[A-Z]+[a-z0-9]*")


def named(text: str) -> frozenset[str]:
    """Return the names in a text, separated by white space."""
    return frozenset(text.split())


def words(name: str) -> list[str]:
    """Return the words of a snake-case name, at least one."""
    return [word for word in name.lower().split("_") if word] or [""]


def camel_words(name: str) -> list[str]:
    """Return the words of a class name in lower case, at least one."""
    return [word.lower() for word in CAMEL_WORD.findall(name)] or [""]
