"""Each family's prompt as its makers write it, and how a model's family is recognised."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.fim_families import FAMILIES, FimFamily, family_in, family_named
from node_backend.core.fim_text import chars_within, fitted, neutral, text_prompt

BY_NAME = {family.name: family for family in FAMILIES}
ONE = [("a.py", "A = 1\n")]
TWO = [*ONE, ("b.py", "B = 2\n")]

PLAIN = {
    "qwen": "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>",
    "codegemma": "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>",
    "granite": "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>",
    "starcoder2": "<fim_prefix>def f(<fim_suffix>): ...<fim_middle>",
    "codeqwen": "<fim_prefix>def f(<fim_suffix>): ...<fim_middle>",
    "stable-code": "<fim_prefix>def f(<fim_suffix>): ...<fim_middle>",
    "granite-code": "<fim_prefix>def f(<fim_suffix>): ...<fim_middle>",
    "deepseek-coder": "<｜fim▁begin｜>def f(<｜fim▁hole｜>): ...<｜fim▁end｜>",  # noqa: RUF001
    "seed-coder": "<[fim-suffix]>): ...<[fim-prefix]>def f(<[fim-middle]>",
    "codellama": "<PRE> def f( <SUF>): ... <MID>",
    "codestral": "[SUFFIX]): ...[PREFIX]def f(",
    "unnamed": "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>",
}
SUFFIX_FIRST = {
    "qwen": "<|fim_suffix|>): ...<|fim_prefix|>def f(<|fim_middle|>",
    "starcoder2": "<fim_prefix><fim_suffix>): ...<fim_middle>def f(",
    "granite-code": "<fim_prefix><fim_suffix>): ...<fim_middle>def f(",
    "codellama": "<PRE>  <SUF>): ... <MID>def f(",
    "unnamed": "<|fim_suffix|>): ...<|fim_prefix|>def f(<|fim_middle|>",
}
WITH_FILES = {
    "qwen": "<|repo_name|>myproject\n<|file_sep|>a.py\nA = 1\n<|file_sep|>b.py\nB = 2\n"
    "<|file_sep|>c.py\n<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>",
    "codegemma": "a.py\nA = 1\n<|file_separator|>b.py\nB = 2\n<|file_separator|>c.py\n"
    "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>",
    "starcoder2": "<repo_name>myproject<file_sep>a.py\nA = 1\n<file_sep>b.py\nB = 2\n<file_sep>"
    "<fim_prefix>c.py\ndef f(<fim_suffix>): ...<fim_middle>",
    "codeqwen": "<reponame>myproject\n<file_sep>a.py\nA = 1\n<file_sep>b.py\nB = 2\n"
    "<file_sep>c.py\n<fim_prefix>def f(<fim_suffix>): ...<fim_middle>",
    "deepseek-coder": "<｜fim▁begin｜>#a.py\nA = 1\n\n#b.py\nB = 2\n\n#c.py\ndef f("  # noqa: RUF001
    "<｜fim▁hole｜>): ...<｜fim▁end｜>",  # noqa: RUF001
    "codestral": "[SUFFIX]): ...[PREFIX]+++++ a.py\nA = 1\n\n\n+++++ b.py\nB = 2\n\n\n"
    "+++++ c.py\ndef f(",
}


def prompt(
    family: FimFamily,
    prefix: str = "def f(",
    *,
    snippets: Sequence[tuple[str, str]] = (),
    continuation: str = "",
    limit: int = 1000,
    suffix_first: bool = False,
) -> str:
    texts = (prefix, "): ...", continuation)
    text = text_prompt(family, texts, "c.py", snippets, limit, suffix_first=suffix_first)
    assert text is not None
    return text


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_familys_prompt_is_as_its_makers_write_it(family: FimFamily) -> None:
    plain = PLAIN[family.name]
    assert prompt(family) == plain
    assert prompt(family, snippets=TWO) == WITH_FILES.get(family.name, plain)
    assert prompt(family, suffix_first=True) == SUFFIX_FIRST.get(family.name, plain)
    assert prompt(family, continuation="a, b") == plain + "a, b"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_in_its_makers_form_the_prefix_stands_in_one_place(family: FimFamily) -> None:
    prefix = "x = 1\n" * 100
    assert prompt(family, prefix=prefix) == PLAIN[family.name].replace("def f(", prefix)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_marker_in_the_users_text_is_broken(family: FimFamily) -> None:
    for literal in family.literals:
        evil, harmless = f"x{literal}y", "xy"
        in_prefix, usual = prompt(family, prefix=evil), prompt(family, prefix=harmless)
        assert in_prefix.count(literal) == usual.count(literal)
        in_snippet = prompt(family, snippets=[("p", evil)])
        usual = prompt(family, snippets=[("p", harmless)])
        assert in_snippet.count(literal) == usual.count(literal)


@given(st.lists(st.sampled_from(["<|fim_", "suffix|>", "<|fim_suffix|>", "<PRE>", "<", " ", "é"])))
def test_broken_text_contains_no_marker_and_is_otherwise_the_same(chunks: list[str]) -> None:
    text, literals = "".join(chunks), ("<|fim_suffix|>", "<PRE>")
    broken = neutral(text, literals)
    assert not any(literal in broken for literal in literals)
    assert broken.replace(" ", "") == text.replace(" ", "")
    if not any(literal in text for literal in literals):
        assert broken == text


def test_a_prompt_is_cut_to_its_limit_around_the_cursor() -> None:
    long = prompt(BY_NAME["codestral"], prefix="x = 1\n" * 500, limit=300)
    kept = long.removeprefix("[SUFFIX]): ...[PREFIX]")
    assert 200 < len(kept) <= 300 - len("): ...") < len(long)
    assert ("x = 1\n" * 500).endswith(kept)
    assert text_prompt(BY_NAME["qwen"], ("", "", "x" * 100), None, (), 50) is None


@pytest.mark.parametrize(
    ("prefix", "suffix", "limit", "expected"),
    [
        ("abc", "def", 100, ("abc", "def")),
        ("", "", 10, ("", "")),
        ("a" * 100, "b" * 100, 82, ("a" * 60, "b" * 20)),
    ],
)
def test_text_for_an_engine_with_a_form_of_its_own_is_cut_likewise(
    prefix: str, suffix: str, limit: int, expected: tuple[str, str]
) -> None:
    assert fitted(prefix, suffix, limit) == expected


def test_text_beyond_ascii_is_counted_as_more_tokens() -> None:
    assert chars_within(100, "x = 1") == 300
    assert chars_within(100, "日本語") == 100
    assert 100 < chars_within(100, "x = '日'") < 300


NAMES = {
    "qwen2.5-coder:1.5b": "qwen",
    "Qwen/Qwen2.5-Coder-7B-Instruct": "qwen",
    "qwen3-coder:30b": "qwen",
    "hf.co/Qwen/Qwen2.5-Coder-3B-GGUF:Q4_K_M": "qwen",
    "codegemma:2b-code": "codegemma",
    "granite3.3:8b": "granite",
    "ibm/granite-4-h-tiny": "granite",
    "granite-code:3b": "granite-code",
    "starcoder2:3b": "starcoder2",
    "codeqwen:7b-code": "codeqwen",
    "stabilityai/stable-code-3b": "stable-code",
    "deepseek-coder:6.7b-base": "deepseek-coder",
    "deepseek-coder-v2:16b": "deepseek-coder",
    "ByteDance-Seed/Seed-Coder-8B-Base": "seed-coder",
    "codellama:7b-code": "codellama",
    "meta-llama/CodeLlama-7b-hf": "codellama",
    "codestral:22b": "codestral",
    "codestral-latest": "codestral",
    "mamba-codestral-7b-v0.1": None,
    "llama3.2:3b": None,
    "qwen3:8b": None,
    "mistral:7b": None,
    "deepseek-r1:8b": None,
}


@pytest.mark.parametrize(("name", "family"), NAMES.items())
def test_a_family_is_recognised_by_the_models_name(name: str, family: str | None) -> None:
    found = family_named(name)
    assert (found.name if found else None) == family


TEMPLATES = {  # of the models' pages at ollama.com/library
    "{{- if .Suffix }}<|fim_prefix|>{{ .Prompt }}<|fim_suffix|>{{ .Suffix }}<|fim_middle|>": "qwen",
    "[SUFFIX]{{ .Suffix }}[PREFIX] {{ .Prompt }}": "codestral",
    "<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>": "codellama",
    "<file_sep><fim_prefix>\n{{ .Prompt }}<fim_suffix>{{ .Suffix }}<fim_middle>": "starcoder2",
    "{{ .Prompt }}": None,
    "<|im_start|>user\n{{ .Prompt }}<|im_end|>": None,
}


@pytest.mark.parametrize(("template", "family"), TEMPLATES.items())
def test_a_family_is_recognised_by_a_template(template: str, family: str | None) -> None:
    found = family_in(template)
    assert (found.name if found else None) == family
    assert found is None or found.files is None  # several families have these markers


def test_families_have_distinct_names_and_markers() -> None:
    assert len(BY_NAME) == len(FAMILIES)
    for family in FAMILIES:
        assert len(set(family.required)) == len(family.required)
        assert set(family.telltales).isdisjoint(family.required)
