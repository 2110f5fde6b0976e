"""What models may be called, which names mean the same, and which files make up a model."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.names import MAX_NAME_CHARS, key_of, parse_registry_name
from node_backend.core.names_files import ModelFiles, group_files
from node_backend.core.names_manifest import (
    MAX_LAYERS,
    MAX_MANIFEST_BYTES,
    ManifestError,
    parse_layers,
    weights_of,
)

DIGEST = "sha256:" + "ab" * 32
MODEL = "application/vnd.ollama.image.model"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("llama3", "llama3:latest"),
        ("qwen2.5-coder:1.5b-base-q4_K_M", "qwen2.5-coder:1.5b-base-q4_K_M"),
        ("library/llama3:8b", "llama3:8b"),
        ("registry.ollama.ai/library/llama3:8b", "llama3:8b"),
        ("mike/mistral", "mike/mistral:latest"),
        ("hf.co/Some-One/Qwen2.5.GGUF:Q4_K_M", "hf.co/Some-One/Qwen2.5.GGUF:Q4_K_M"),
        ("localhost:5000/library/m:1", "localhost:5000/library/m:1"),
        ("localhost:5000/mine/m", "localhost:5000/mine/m:latest"),
    ],
)
def test_a_registrys_name_is_shown_as_ollama_shows_it(text: str, shown: str) -> None:
    name = parse_registry_name(text)
    assert name is not None
    assert name.shown == shown
    assert parse_registry_name(shown) == name


@pytest.mark.parametrize(
    "text",
    ["", "/", "a/", "/a", "a:", ":a", "a:b:c", "a/b/c/d", "..", "../a", "a/..", "a/../b", "a\\b",
     "a b", "a\0", "é", "-a", ".a", "a:.b", "a\n", "n.s/m", "x" * 81, "a/" * 40 + "a",
     "a@sha256-00", "http://a/b/c", "%2e%2e/a", "a:" + "t" * 81],
)  # fmt: skip
def test_what_no_registry_has_is_no_registrys_name(text: str) -> None:
    assert parse_registry_name(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("llama3", "llama3:latest"),
        ("LLaMa3:Latest", "llama3"),
        ("registry.ollama.ai/library/qwen:7b", "Qwen:7B"),
        ("sub/my model", "SUB/My Model"),
        ("cafe\u0301", "caf\u00e9"),
        ("hf.co/a/b", "hf.co/a/b:latest"),
    ],
)
def test_different_spellings_mean_the_same_model(one: str, other: str) -> None:
    assert key_of(one) == key_of(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [("qwen:7b", "qwen:14b"), ("a/m", "b/m"), ("hf.co/library/m", "m"), ("m", "m:1")],
)
def test_different_models_are_not_confused(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize(
    "name",
    ["", " ", " a", "a\n", "a\0b", "a\u202eb", "a\u200bb", "\ud800", "a\x1b[31m", "a\u2028b",
     "x" * (MAX_NAME_CHARS + 1)],
)  # fmt: skip
def test_what_can_not_be_shown_means_no_model(name: str) -> None:
    assert key_of(name) is None


@given(st.text())
def test_the_key_of_a_key_is_that_key(name: str) -> None:
    key = key_of(name)
    assert key is None or key_of(key) == key


@pytest.mark.parametrize(
    ("paths", "models"),
    [
        (["b.gguf", "a/c.GGUF"], [ModelFiles("a/c", ("a/c.GGUF",)), ModelFiles("b", ("b.gguf",))]),
        (
            ["m-00002-of-00002.gguf", "m-00001-of-00002.gguf"],
            [ModelFiles("m", ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf"))],
        ),
        (
            ["m-00001-of-00003.gguf", "m-00003-of-00003.gguf"],
            [
                ModelFiles(
                    "m",
                    ("m-00001-of-00003.gguf", "m-00003-of-00003.gguf"),
                    ("m-00002-of-00003.gguf",),
                    1,
                )
            ],
        ),
        (
            ["m-00001-of-99999.gguf"],
            [
                ModelFiles(
                    "m",
                    ("m-00001-of-99999.gguf",),
                    tuple(f"m-{number:05d}-of-99999.gguf" for number in (2, 3, 4)),
                    99_998,
                )
            ],
        ),
        (["m-00004-of-00003.gguf"], [ModelFiles("m-00004-of-00003", ("m-00004-of-00003.gguf",))]),
        (["m-00000-of-00000.gguf"], [ModelFiles("m-00000-of-00000", ("m-00000-of-00000.gguf",))]),
        (["v1.5.gguf"], [ModelFiles("v1.5", ("v1.5.gguf",))]),
        ([], []),
    ],
)  # fmt: skip
def test_files_make_up_models(paths: list[str], models: list[ModelFiles]) -> None:
    assert group_files(paths) == models


def manifest(*layers: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "layers": layers}).encode()


def layer(kind: str = MODEL, digest: object = DIGEST, size: object = 7) -> dict[str, object]:
    return {"mediaType": kind, "digest": digest, "size": size}


def test_the_weights_are_one_of_the_layers() -> None:
    found = weights_of(manifest(layer("application/vnd.ollama.image.license"), layer(size=9)))
    assert (found.blob, found.size_bytes) == ("sha256-" + "ab" * 32, 9)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'{"layers": ' + b"9" * 10_000 + b"}", "no JSON"),
        (b"[]", "no list of layers"),
        (b'{"layers": {}}', "no list of layers"),
        (b'{"layers": [1]}', "no layer"),
        (b"{}", "in a cloud"),
        (manifest(), "in a cloud"),
        (manifest(layer("application/vnd.ollama.image.tensor; name=a")), "no GGUF"),
        (manifest(layer(), layer()), "2 files"),
        (manifest(layer(), layer("application/vnd.ollama.image.adapter")), "adapter"),
        (manifest(layer(digest="sha256:../../../etc/passwd")), "digest"),
        (manifest(layer(digest="sha256-" + "ab" * 32)), "digest"),
        (manifest(layer(digest="sha256:" + "AB" * 32)), "digest"),
        (manifest(layer(digest=DIGEST + "\n")), "digest"),
        (manifest(layer(digest="/etc/passwd")), "digest"),
        (manifest(layer(digest=None)), "digest"),
        (manifest(layer(size=-1)), "size"),
        (manifest(layer(size=1 << 60)), "size"),
        (manifest(layer(size=True)), "size"),
        (manifest(layer(size="7")), "size"),
        (manifest(*[0] * (MAX_LAYERS + 1)), "no list of layers"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "longer"),
    ],
)
def test_a_manifest_that_no_model_has_is_refused_with_the_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ManifestError, match=reason):
        weights_of(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["layers", "mediaType", "digest", "size", "config"]), inner, max_size=4
        )
    ),
)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_any_manifest_is_read_or_refused(raw: bytes) -> None:
    try:
        layers = parse_layers(raw)
    except ManifestError:
        return
    for each in layers:
        assert each.blob.removeprefix("sha256-").isalnum()
        assert len(each.blob) == len("sha256-") + 64
