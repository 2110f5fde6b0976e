"""Reads a manifest of Ollama's store: which blob holds a model's weights.

A manifest is written by whoever made the model. Only a digest of the one right form is believed,
so that it can't name a file elsewhere.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_MANIFEST_BYTES = 1 << 20  # one has about a kilobyte; with a layer for each tensor, some hundred
MAX_LAYERS = 65_536
MAX_BLOB_BYTES = 1 << 50

MEDIA = "application/vnd.ollama.image."
WEIGHTS, ADAPTER, TENSOR = f"{MEDIA}model", f"{MEDIA}adapter", f"{MEDIA}tensor"
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class ManifestError(ValueError):
    """A manifest that no model can be started from; the message says why."""


@dataclass(frozen=True)
class Layer:
    """A part of a model: what it is, and the blob that holds it."""

    media_type: str
    blob: str
    """The name of its file among the blobs."""
    size_bytes: int


def weights_of(manifest: bytes) -> Layer:
    """Return the layer with the model's weights, a whole GGUF file. Raises ManifestError."""
    layers = parse_layers(manifest)
    kinds = [layer.media_type for layer in layers]
    if ADAPTER in kinds:
        raise ManifestError("it is an adapter for another model, and those can't be run here")
    weights = [layer for layer in layers if layer.media_type == WEIGHTS]
    if len(weights) == 1:
        return weights[0]
    if weights:
        raise ManifestError(f"its weights are {len(weights)} files, and only one is known here")
    if any(kind.startswith(TENSOR) for kind in kinds):
        raise ManifestError("its weights are no GGUF file")
    raise ManifestError("it has no weights on this machine: it runs in a cloud")


def parse_layers(manifest: bytes) -> tuple[Layer, ...]:
    """Return a manifest's layers. Raises ManifestError."""
    if len(manifest) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"its manifest is longer than {MAX_MANIFEST_BYTES} bytes")
    try:
        parsed = json.loads(manifest)
    except (ValueError, RecursionError) as error:
        raise ManifestError("its manifest is no JSON") from error
    layers = parsed.get("layers") if isinstance(parsed, dict) else None
    if layers is None and isinstance(parsed, dict):
        layers = []
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise ManifestError("its manifest has no list of layers")
    return tuple(_layer(layer) for layer in layers)


def _layer(layer: object) -> Layer:
    if not isinstance(layer, Mapping):
        raise ManifestError("its manifest lists something that is no layer")
    media_type, digest, size = (layer.get(key) for key in ("mediaType", "digest", "size"))
    match = DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if match is None:
        raise ManifestError("its manifest has a digest that is none")
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= MAX_BLOB_BYTES:
        raise ManifestError("its manifest has a size that makes no sense")
    return Layer(str(media_type), f"sha256-{match[1]}", size)
