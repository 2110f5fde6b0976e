"""Folders with models, written as Ollama and others write them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import gguf

WEIGHTS = "application/vnd.ollama.image.model"
OTHERS = ("application/vnd.ollama.image.template", "application/vnd.ollama.image.license")


def pull(
    store: Path,
    name: str,
    weights: bytes = b"GGUF",
    *,
    kind: str = WEIGHTS,
    extra: Mapping[str, bytes] | None = None,
) -> Path:
    """Put a model into an Ollama store as HOST/NAMESPACE/MODEL/TAG; return the weights' blob."""
    layers = [_layer(store, media_type, media_type.encode()) for media_type in OTHERS]
    layers += [_layer(store, media_type, data) for media_type, data in (extra or {}).items()]
    weights_layer = _layer(store, kind, weights)
    config = _layer(store, "application/vnd.docker.container.image.v1+json", name.encode())
    write_manifest(
        store, name, {"schemaVersion": 2, "config": config, "layers": [*layers, weights_layer]}
    )
    return blob_of(store, weights)


def write_manifest(store: Path, name: str, manifest: object) -> Path:
    path = store / "manifests" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (store / "blobs").mkdir(exist_ok=True)
    path.write_text(json.dumps(manifest))
    return path


def blob_of(store: Path, data: bytes) -> Path:
    return store / "blobs" / f"sha256-{hashlib.sha256(data).hexdigest()}"


def _layer(store: Path, media_type: str, data: bytes) -> dict[str, object]:
    path = blob_of(store, data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    digest = path.name.replace("-", ":", 1)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


def split(source: Path, folder: Path, *, tensors_each: int) -> list[Path]:
    """Write a model in parts, as `gguf-split` does; return them in order."""
    folder.mkdir(parents=True, exist_ok=True)
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(folder / source.name, architecture, split_max_tensors=tensors_each)
    for key, field in reader.fields.items():
        if not key.startswith(("GGUF.", "general.architecture")):
            item_type = field.types[-1] if field.types[1:] else None
            writer.add_key_value(key, field.contents(), field.types[0], item_type)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob(f"{source.stem}-*.gguf"))
