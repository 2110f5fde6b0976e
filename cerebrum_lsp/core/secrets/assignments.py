"""Values given to names that say that they are secret, where the value looks like chance."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

KEYWORDS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "api_key", "api-key"),
    *("access_key", "accesskey", "access-key", "private_key", "privatekey", "private-key"),
    *("auth_key", "authkey", "credential", "encryption_key", "signing_key", "account_key"),
    *("master_key", "secret_key", "secretkey", "session_key", "license_key", "webhook_key"),
)
ASSIGNMENT = re.compile(
    rf"(?:{'|'.join(KEYWORDS)})[\w.-]{{0,30}}[\"'\]]{{0,2}}\s{{0,8}}"
    r"(?::\s{0,3}[A-Za-z][\w.\[\]| ]{0,30}=|=>|:=|[=:]|,(?=\s{0,3}[\"']))\s{0,8}"
    r"(?:[bruf]{0,2}(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{6,400})(?P=quote)|(?P<bare>[^\s\"'`,;(){}\[\]<>]{12,400}+(?![(\[])))",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"\$\{|\$\(|\{\{|%\(|<|>|^\$|^%|example|sample|placeholder|dummy|redacted|changeme|change[_-]me"
    r"|your|xxxx|\*\*\*|\.\.\.|todo|1234567890|abcdef|foobar|lorem",
    re.IGNORECASE,
)
WORDS = re.compile(r"[-_./:@ +,|\\#?&=~]+")
WORD = re.compile(r"(?:[A-Za-z]+\d{0,2}|\d{1,4}|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*\d{0,2}|v?\d+[a-z]?)\Z")
BARE = re.compile(r"[A-Za-z0-9+/=_~.!@#$%^&*-]+\Z")
LEAST_BITS = 2.8
"""Shannon entropy for each character; English words have less than 2.8 bits at such lengths."""
LEAST_BARE_BITS = 3.2


@dataclass(frozen=True)
class Value:
    """Where a value stands in a text."""

    start: int
    end: int


def secret_values(text: str) -> Iterator[Value]:
    """Find the values that look like secrets and are assigned to names that say so."""
    for found in ASSIGNMENT.finditer(text):
        group = "quoted" if found["quoted"] is not None else "bare"
        if looks_secret(found[group], is_bare=group == "bare"):
            yield Value(*found.span(group))


def looks_secret(value: str, *, is_bare: bool = False) -> bool:
    """Whether a value looks like chance, or like a password, rather than like words or code.

    A bare one, without quotes, may be an expression: it has to look like a token.
    """
    if " " in value or PLACEHOLDER.search(value) or "://" in value:
        return False
    if all(WORD.match(part) for part in WORDS.split(value) if part):
        return False
    kinds = _kinds(value)
    if is_bare:
        is_token = BARE.match(value) and "digit" in kinds and len(kinds) > 1
        is_name = (value.isidentifier() and not value.isalnum()) or re.match(
            r"[A-Za-z_]\w*\.[A-Za-z_]", value
        )
        return bool(is_token) and not is_name and entropy_bits(value) >= LEAST_BARE_BITS
    if len(value) < 8:
        return False
    is_varied = len(kinds) >= 3 if len(value) < 16 else len(kinds) >= 2
    return (
        is_varied and ("digit" in kinds or "symbol" in kinds) and entropy_bits(value) >= LEAST_BITS
    )


def entropy_bits(value: str) -> float:
    """Return the Shannon entropy of a text, in bits for each character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _kinds(value: str) -> set[str]:
    """Return which kinds of characters a value has."""
    kinds = set()
    for character in value:
        if character.isdigit():
            kinds.add("digit")
        elif character.isalpha():
            kinds.add("upper" if character.isupper() else "lower")
        else:
            kinds.add("symbol")
    return kinds
