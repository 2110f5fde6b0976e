"""Which models this node has, by name: the bundled one, a file, folders, Ollama's store.

A request's name is looked up among the names of models that were found. It never becomes a path,
so that nothing can be opened through it that was not found before.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from node_backend.config import FALLBACK_CONTEXT_TOKENS, Settings
from node_backend.core.names import key_of
from node_backend.core.names_files import is_model_file, part_of
from node_backend.errors import IncompleteModelError, UnknownModelError
from node_backend.model_folders import Found, FoundModel, UnusableModel, models_in
from node_backend.ollama_store import models_in_store, store_folders

BUNDLED_FILE, BUNDLED_NAME = "cerebrum-tiny.gguf", "bundled"
BUNDLED_CONTEXT_TOKENS = 2048
LOOK_INTERVAL_S = 5.0  # between two looks at the folders, however often unknown names are asked for

Source = Literal["bundled", "file", "folder", "ollama", "hosted"]


@dataclass(frozen=True)
class Model:
    """A model file, and the name that requests call it by."""

    name: str
    path: Path
    """What the engine opens; of a split model the first part."""
    context_tokens: int
    suffix_first: bool = False
    """Whether it does better when the suffix comes first (its card says so)."""
    source: Source = "file"
    parts: tuple[Path, ...] = ()
    """The further files of a split model."""

    @property
    def size_bytes(self) -> int:
        """The size of its files; 0 when one is missing."""
        try:
            return sum(path.stat().st_size for path in (self.path, *self.parts))
        except OSError:
            return 0


@dataclass(frozen=True)
class Listing:
    """What one look at all places found. Of models with the same name the first counts."""

    models: tuple[Model, ...]
    unusable: tuple[UnusableModel, ...] = ()
    notes: tuple[str, ...] = ()
    """What there is to say about the places themselves."""
    by_key: dict[str, Model | UnusableModel] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        everything: tuple[Model | UnusableModel, ...] = (*self.models, *self.unusable)
        for each in everything:
            if key := key_of(each.name):
                self.by_key.setdefault(key, each)

    def resolve(self, name: str) -> Model:
        """Return the model called `name`; raises UnknownModelError, IncompleteModelError."""
        match self.by_key.get(key_of(name) or ""):
            case Model() as model:
                return model
            case UnusableModel(known, reason):
                raise IncompleteModelError(f"{known} can't be run: {reason}")
        names = [model.name for model in self.models]
        raise UnknownModelError("this node doesn't have that model", details={"models": names})


class Catalog:
    """All models that a request may name; the first is the default."""

    def __init__(
        self,
        models: Sequence[Model],
        look: Callable[[], Listing] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`look` finds what is there, now and later; without it these `models` are all there is."""
        self._listing = look() if look else Listing(tuple(models))
        self._look = look
        self._clock = clock
        self._looking = asyncio.Lock()
        self._next_look_at = -float("inf")

    @property
    def models(self) -> tuple[Model, ...]:
        """Those that are there as a whole."""
        return self._listing.models

    @property
    def default(self) -> Model:
        """The model of requests that name none."""
        return self._listing.models[0]

    @property
    def listing(self) -> Listing:
        """What the last look found."""
        return self._listing

    def resolve(self, name: str | None) -> Model:
        """Return the model called `name`; raises UnknownModelError, IncompleteModelError."""
        return self.default if name is None else self._listing.resolve(name)

    async def find(self, name: str | None) -> Model:
        """Return what `resolve` does, after another look if the name is unknown or unusable."""
        try:
            return self.resolve(name)
        except UnknownModelError:
            await self.refresh()
        return self.resolve(name)

    async def refresh(self) -> None:
        """Look at the places again, beside the event loop, unless somebody just did."""
        if self._look is None:
            return
        async with self._looking:
            if self._clock() >= self._next_look_at:
                self._listing = await asyncio.to_thread(self._look)
                self._next_look_at = self._clock() + LOOK_INTERVAL_S


def catalog(settings: Settings) -> Catalog:
    """Return the models that the settings give; the first is the one they choose, or the bundled.

    Raises UnknownModelError or IncompleteModelError if the chosen one is not there.
    """
    first = _default(settings)

    def look() -> Listing:
        return look_everywhere(settings, first)

    return Catalog((first,), look)


def look_everywhere(settings: Settings, first: Model | None = None) -> Listing:
    """Return what is in all the places that the settings name, `first` first."""
    models = [first] if first else []
    if first is None or first.source != "bundled":
        models.append(bundled(settings))
    unusable: list[UnusableModel] = []
    notes: list[str] = []
    for source, found, said in _places(settings):
        notes += said
        for each in found:
            if isinstance(each, FoundModel):
                models.append(_model(each, source, settings))
            else:
                unusable.append(each)
    unique, hidden = _without_repeats(models)
    notes += [f"{path} has the name of another model, and can't be asked for" for path in hidden]
    return Listing(unique, tuple(unusable), tuple(notes))


def bundled(settings: Settings) -> Model:
    """Return the model that comes with Cerebrum."""
    path = bundled_path()
    context_tokens = settings.context_tokens or BUNDLED_CONTEXT_TOKENS
    return Model(path.stem, path, context_tokens, suffix_first=True, source="bundled")


def bundled_path() -> Path:
    """Return where the bundled model stands; the engine needs a real file to map into memory."""
    return Path(str(resources.files("node_backend") / "bundled" / BUNDLED_FILE))


def _default(settings: Settings) -> Model:
    """Return the model that the settings choose, by its path or by its name."""
    chosen = settings.model
    if chosen is None or str(chosen) in (BUNDLED_NAME, bundled_path().stem):
        return bundled(settings)
    if is_model_file(chosen.name) or chosen.is_file():
        return _file(chosen, settings)
    try:
        return look_everywhere(settings).resolve(str(chosen))
    except IncompleteModelError:
        raise
    except UnknownModelError:
        raise UnknownModelError(
            f"{chosen} is neither a file nor a model that is found here; "
            "`cerebrum-node models` lists those"
        ) from None


def _file(path: Path, settings: Settings) -> Model:
    """Return the model in a file that its owner named; it may lie, and link, anywhere."""
    part = part_of(path.name)
    if part is None:
        return _model(FoundModel(path.stem, (path,)), "file", settings)
    files = tuple(path.with_name(part.path(number)) for number in range(1, part.total + 1))
    if missing := next((file for file in files if not file.is_file()), None):
        raise IncompleteModelError(
            f"{part.stem} can't be run: {missing.name} is missing; get it from where the others are"
        )
    return _model(FoundModel(part.stem, files), "file", settings)


def _places(settings: Settings) -> list[tuple[Source, list[Found], list[str]]]:
    stores = store_folders(settings.ollama_models)
    return [
        *(("folder", *models_in(folder)) for folder in settings.model_folders),
        *(("ollama", *models_in_store(store)) for store in stores),
    ]


def _model(found: FoundModel, source: Source, settings: Settings) -> Model:
    first, *others = found.files
    context_tokens = settings.context_tokens or FALLBACK_CONTEXT_TOKENS
    return Model(found.name, first, context_tokens, source=source, parts=tuple(others))


def _without_repeats(models: list[Model]) -> tuple[tuple[Model, ...], list[Path]]:
    """Return the first model of each name, and the files of those that are hidden by it."""
    first_by_key: dict[str | None, Model] = {}
    for model in models:
        first_by_key.setdefault(key_of(model.name), model)
    places = {model.path.absolute() for model in first_by_key.values()}
    hidden = [model.path for model in models if model.path.absolute() not in places]
    return tuple(first_by_key.values()), hidden
