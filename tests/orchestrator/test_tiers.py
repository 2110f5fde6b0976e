"""Model names: sizes are numbers, and tags are read as their owners mean them."""

import pytest

from orchestrator.core.tiers import DEFAULT_TIERS, has_model, same_model, size_b

SIZES: list[tuple[str, float | None]] = [
    ("qwen3:14b", 14.0),
    ("qwen3:8b", 8.0),
    ("qwen2.5-coder:1.5b", 1.5),
    ("qwen2.5-coder:7b", 7.0),
    ("deepseek-coder:6.7b", 6.7),
    ("llama3.1:70b", 70.0),
    ("mixtral:8x7b", 56.0),
    ("smollm2:135m", 0.135),
    ("qwen2.5-coder:7b-instruct-q4_K_M", 7.0),
    ("Qwen2.5-Coder-1.5B-Instruct-Q8_0.gguf", 1.5),
    ("starcoder2-3b-q4", 3.0),
    ("deepseek-coder-v2:latest", 15.7),
    ("mistral:latest", 7.2),
    ("cerebrum-tiny", None),
    ("model-4bit", None),
]


@pytest.mark.parametrize(("model", "expected"), SIZES, ids=[name for name, _ in SIZES])
def test_size_is_a_number_of_its_own(model: str, expected: float | None) -> None:
    assert size_b(model) == expected


def test_every_model_of_the_default_tiers_has_a_known_size() -> None:
    assert all(size_b(model) for models in DEFAULT_TIERS.values() for model in models)


def test_latest_is_what_no_tag_means() -> None:
    assert same_model("mistral", "Mistral:latest")
    assert not same_model("qwen3:8b", "qwen3:14b")
    assert has_model(("a:1b", "mistral"), "mistral:latest") == "mistral"
    assert has_model(("a:1b",), "a") is None
