"""What models are called: which names can be meant at all, and which of them mean the same.

A name is only ever compared with the names of models that were found; it never becomes a path.
The grammar of names with a registry, a namespace and a tag is Ollama's (`types/model/name.go`).
"""

import re
import unicodedata
from dataclasses import dataclass

MAX_NAME_CHARS = 256  # what the wire takes; Ollama's longest name has some more, and nobody's does
DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG = "registry.ollama.ai", "library", "latest"

HOST = r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}"
NAMESPACE = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"
PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"  # a model, or a tag
REGISTRY_NAME = re.compile(
    rf"(?:(?:(?P<host>{HOST})/)?(?P<namespace>{NAMESPACE})/)?(?P<model>{PART})(?::(?P<tag>{PART}))?"
)


@dataclass(frozen=True)
class RegistryName:
    """A model as a registry has it; in a store its four parts are folders and a file."""

    host: str
    namespace: str
    model: str
    tag: str

    @property
    def shown(self) -> str:
        """The shortest name that means it, tag included, as `ollama list` writes it."""
        name = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{name}"
        return name if self.namespace.lower() == DEFAULT_NAMESPACE else f"{self.namespace}/{name}"


def parse_registry_name(text: str) -> RegistryName | None:
    """Return what `[HOST/][NAMESPACE/]MODEL[:TAG]` means, None if it isn't of that form."""
    if len(text) > MAX_NAME_CHARS or (match := REGISTRY_NAME.fullmatch(text)) is None:
        return None
    return RegistryName(
        match["host"] or DEFAULT_HOST,
        match["namespace"] or DEFAULT_NAMESPACE,
        match["model"],
        match["tag"] or DEFAULT_TAG,
    )


def is_presentable(name: str) -> bool:
    """Whether a name can stand in a list: of bearable length, and every character to be seen.

    Files can be called anything; what hides characters or turns the writing round stays unlisted.
    """
    return 0 < len(name) <= MAX_NAME_CHARS and name.isprintable() and name == name.strip()


def key_of(name: str) -> str | None:
    """Return what equals for all names that mean the same model; None for what can be no name.

    Case, the default host, namespace and tag, and the way accents are composed make no difference.
    """
    if not is_presentable(name):
        return None
    registry_name = parse_registry_name(name)
    shown = registry_name.shown if registry_name else name
    return unicodedata.normalize("NFC", shown).casefold().removesuffix(f":{DEFAULT_TAG}")
