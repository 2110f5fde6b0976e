"""Which models this node has, by name."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from node_backend.config import FALLBACK_CONTEXT_TOKENS, Settings
from node_backend.errors import UnknownModelError

BUNDLED_FILE = "cerebrum-tiny.gguf"
BUNDLED_CONTEXT_TOKENS = 2048


@dataclass(frozen=True)
class Model:
    """A model file, and the name that requests call it by."""

    name: str
    path: Path
    context_tokens: int
    suffix_first: bool = False
    """Whether it does better when the suffix comes first (its card says so)."""

    @property
    def size_bytes(self) -> int:
        """The size of the file; 0 when it is missing."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


class Catalog:
    """All models that a request may name; the first is the default."""

    def __init__(self, models: tuple[Model, ...]) -> None:
        self.models = models

    @property
    def default(self) -> Model:
        """The model of requests that name none."""
        return self.models[0]

    def resolve(self, name: str | None) -> Model:
        """Return the model called `name`; raises UnknownModelError."""
        if name is None:
            return self.default
        for model in self.models:
            if model.name == name:
                return model
        known = [model.name for model in self.models]
        raise UnknownModelError("this node doesn't have that model", details={"models": known})


def catalog(settings: Settings) -> Catalog:
    """Return the models that the settings give: the chosen file, or the bundled one."""
    if settings.model is not None:
        known_tokens, path = FALLBACK_CONTEXT_TOKENS, settings.model
    else:
        known_tokens, path = BUNDLED_CONTEXT_TOKENS, bundled_path()
    context_tokens = settings.context_tokens or known_tokens
    is_bundled = settings.model is None
    return Catalog((Model(path.stem, path, context_tokens, suffix_first=is_bundled),))


def bundled_path() -> Path:
    """Return where the bundled model stands; the engine needs a real file to map into memory."""
    return Path(str(resources.files("node_backend") / "bundled" / BUNDLED_FILE))
