"""Which models follow a chat, by their files, their names and their servers."""

from pathlib import Path

import pytest

from node_backend.cards import Cards
from node_backend.config import Settings
from node_backend.core.chat import by_name, by_ollama, by_template
from node_backend.core.ledger import MIB
from node_backend.listing import row
from node_backend.models import Model, bundled_path
from tests.reciting_model import QUICK, write_reciting_model

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
LLAMA_2 = "{% for m in messages %}[INST] {{ m.content }} [/INST] {{ eos_token }}{% endfor %}"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("Qwen2.5-Coder-7B-Instruct",), True),
        (("gemma-2-2b-it",), True),
        (("llama3:8b", "Chat"), True),
        (("qwen2.5-coder:1.5b-base",), False),
        (("google/gemma-2b-pt",), False),
        (("Qwen2.5 Coder 1.5B",), None),
        (("database-7b", "whitehat"), None),
        ((), None),
    ],
)
def test_names_tell_by_the_words_that_makers_add(names: tuple[str, ...], says: bool | None) -> None:
    assert by_name(*names) is says


@pytest.mark.parametrize(
    ("template", "ends", "name", "says"),
    [
        pytest.param(None, ["</s>"], "", False, id="no template"),
        pytest.param(None, [], "Instruct", False, id="a name can't replace a template"),
        pytest.param(CHATML, ["<|im_end|>"], "", True, id="it ends its turns as the template does"),
        pytest.param(CHATML, ["<|endoftext|>"], "", None, id="a base model in chat's clothes"),
        pytest.param(CHATML, ["<|endoftext|>", "<|im_end|>"], "", True, id="one end of two"),
        pytest.param(CHATML, ["<|endoftext|>"], "x-Instruct", True, id="its name says it"),
        pytest.param(CHATML, ["<|im_end|>"], "x-base", False, id="its name denies it"),
        pytest.param(LLAMA_2, ["</s>"], "", True, id="the template asks for the end by name"),
        pytest.param(CHATML, [""], "", None, id="an end without a text"),
    ],
)
def test_a_file_tells_by_its_template_and_the_end_of_its_texts(
    template: str | None, ends: list[str], name: str, *, says: bool | None
) -> None:
    assert by_template(template, ends, name) is says


INSERT = (
    "{{- if .Suffix }}<PRE> {{ .Prompt }} <SUF>{{ .Suffix }} <MID>{{ else }}{{ .Prompt }}{{ end }}"
)


@pytest.mark.parametrize(
    ("template", "capabilities", "name", "says"),
    [
        pytest.param("{{ .Prompt }}", ["completion"], "x", False, id="the prompt as it is"),
        pytest.param(INSERT, ["completion", "insert"], "x", False, id="a suffix and nothing else"),
        pytest.param(
            INSERT + "{{ range .Messages }}{{ .Content }}{{ end }}",
            ["completion", "insert"],
            "qwen2.5-coder:7b",
            True,
            id="a suffix and turns",
        ),
        pytest.param("{{ .System }} {{ .Prompt }}", [], "x", True, id="a system prompt"),
        pytest.param("[INST] {{ .Prompt }} [/INST]", [], "x", True, id="words around the prompt"),
        pytest.param("{{ .Prompt }}", ["completion", "tools"], "x", True, id="built-in turns"),
        pytest.param(
            "{{ .Messages }}", ["completion"], "x:1b-base", False, id="its name denies it"
        ),
        pytest.param("", ["embedding"], "x", False, id="it can't write"),
        pytest.param("", [], "x", None, id="nothing is known"),
    ],
)
def test_ollama_tells_by_its_template_and_by_what_it_says_the_model_can(
    template: str, capabilities: list[str], name: str, *, says: bool | None
) -> None:
    assert by_ollama(template, capabilities, name) is says


def chat_of(path: Path, name: str = "m") -> bool | None:
    return row(Model(name, path, 512), Cards().of(path), Settings(), 1024 * MIB).has_chat


def test_the_bundled_model_follows_no_chat() -> None:
    assert chat_of(bundled_path()) is False


@pytest.mark.parametrize(
    ("template", "says"),
    [("a <|endoftext|>", True), ("a <|other|>", None), ("{{ eos_token }}", True), (None, False)],
)
def test_the_end_of_texts_is_found_in_the_files_vocabulary(
    tmp_path: Path, template: str | None, *, says: bool | None
) -> None:
    path = write_reciting_model(tmp_path / "m.gguf", size=QUICK, chat_template=template)
    assert chat_of(path) is says


def test_where_the_file_can_not_tell_the_name_does(tmp_path: Path) -> None:
    path = write_reciting_model(tmp_path / "sha256-0", size=QUICK, chat_template="<|other|>")
    assert chat_of(path, "qwen2.5-coder:7b-instruct") is True
    assert chat_of(path, "qwen2.5-coder:7b-base") is False
    assert chat_of(path, "qwen2.5-coder:7b") is None
