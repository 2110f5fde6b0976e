"""Reads Ollama's store: manifests by name, weights in blobs. Ollama itself need not run."""

import contextlib
from pathlib import Path

from node_backend.core.names import RegistryName, parse_registry_name
from node_backend.core.names_manifest import (
    MAX_MANIFEST_BYTES,
    Layer,
    ManifestError,
    weights_of,
)
from node_backend.model_folders import Found, FoundModel, UnusableModel, list_files

SERVICE_PLACES = (
    "/usr/share/ollama/.ollama/models",  # the installer's service
    "/var/lib/ollama/models",  # NixOS, Arch
    "/var/lib/ollama/.ollama/models",  # Fedora
    "/var/snap/ollama/common/models",
)


def store_folders(chosen: Path | None) -> tuple[Path, ...]:
    """Return the stores to look into: the chosen one alone, or the usual ones that exist."""
    if chosen is not None:
        return (chosen,)
    places = [Path(place) for place in SERVICE_PLACES]
    with contextlib.suppress(RuntimeError):  # a user without a home
        places.insert(0, Path.home() / ".ollama" / "models")
    return tuple(place for place in places if _exists(place / "manifests"))


def models_in_store(root: Path) -> tuple[list[Found], list[str]]:
    """Return the models of a store, and what there is to say about it."""
    try:
        manifests = list_files(root / "manifests", lambda path: path.count("/") == 3)
        blobs = list_files(root / "blobs", lambda path: path.startswith("sha256-")).places
    except OSError as error:
        reason = f"{root} can't be read: {error.strerror}"
        return [], [f"{reason}. Who may read it? Ollama's service has a group `ollama`"]
    found: list[Found] = []
    for path, place in manifests.places.items():
        if name := _name(path):
            found.append(_model(name, place, blobs))
    return sorted(found, key=lambda each: each.name), []


def _name(path: str) -> RegistryName | None:
    """Return the name that a manifest's path stands for; None if it is another kind of file."""
    host, namespace, model, tag = path.split("/")
    return parse_registry_name(f"{host}/{namespace}/{model}:{tag}")


def _model(name: RegistryName, manifest: Path, blobs: dict[str, Path]) -> Found:
    try:
        with manifest.open("rb") as file:
            layer = weights_of(file.read(MAX_MANIFEST_BYTES + 1))
    except ManifestError as error:
        return UnusableModel(name.shown, str(error))
    except OSError as error:
        return UnusableModel(name.shown, f"its manifest can't be read: {error.strerror}")
    blob = blobs.get(layer.blob)
    if fault := _fault(layer, blob, blobs):
        return UnusableModel(name.shown, f"{fault}: run `ollama pull {name.shown}`")
    assert blob is not None  # noqa: S101 - a missing one is a fault
    return FoundModel(name.shown, (blob,))


def _fault(layer: Layer, blob: Path | None, blobs: dict[str, Path]) -> str | None:
    """Return what is wrong with the file of the weights, None if it is whole."""
    if blob is None:
        has_begun = any(name.startswith(f"{layer.blob}-partial") for name in blobs)
        return "it is not downloaded yet" if has_begun else f"its file {layer.blob[:19]}… is gone"
    try:
        size_bytes = blob.stat().st_size
    except OSError as error:
        return f"its file can't be read ({error.strerror})"
    if size_bytes == layer.size_bytes:
        return None
    return f"its file has {size_bytes} of {layer.size_bytes} bytes"


def _exists(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:  # a folder above it is not ours to look into
        return False
