"""The smaller pure parts: which model, which surroundings, which lines, which secrets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.actions.writer import model_of
from cerebrum_lsp.core.actions.cut_secrets import cut, restored
from cerebrum_lsp.core.actions.edits import changes_between
from cerebrum_lsp.core.actions.instructable import follows_instructions
from cerebrum_lsp.core.actions.surroundings import surroundings, window_around
from cerebrum_lsp.core.actions.values import TextChange
from cerebrum_lsp.core.async_refactor.check import parsed as parsed_proposal
from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed
from orchestrator.wire import KnownModel, NodeStatus


@pytest.mark.parametrize(
    ("model", "follows"),
    [
        ("qwen2.5-coder:1.5b", True),
        ("qwen2.5-coder:1.5b-base", False),
        ("qwen2.5-coder-7b-instruct-q4_k_m", True),
        ("Qwen2.5-Coder-7B-Q4_K_M.gguf", False),
        ("hf.co/bartowski/gemma-3-4b-it-GGUF:Q4_K_M", True),
        ("codellama:13b", True),
        ("codellama:13b-code", False),
        ("codellama:7b-python", False),
        ("granite-code:3b", True),
        ("starcoder2:3b", False),
        ("starcoder2:15b-instruct", True),
        ("codegemma:2b", False),
        ("codegemma:7b", True),
        ("Qwen3-14B-Q4_K_M", True),
        ("codestral-22b-v0.1", True),
        ("cerebrum-tiny", False),
        ("nomic-embed-text:latest", False),
        ("unknown-7b", False),
    ],
)
def test_a_models_name_says_whether_it_follows_instructions(model: str, follows: bool) -> None:
    assert follows_instructions(model) is follows


def node(model: str | None = None, *known: KnownModel, **told: Any) -> NodeStatus:
    names = [each.name for each in known]
    told |= {"models": names, "known_models": [*known]}
    return NodeStatus(name="pi", url="", state="ready", model=model, **told)


def known(name: str, **told: Any) -> KnownModel:
    return KnownModel(name=name, **told)


STAR, LLAMA, QWEN, ODD = "starcoder2:3b", "llama3:8b", "qwen2.5-coder:7b", "merged-7b"


@pytest.mark.parametrize(
    ("nodes", "chosen", "expected"),
    [
        pytest.param([node(STAR)], None, None, id="none"),
        pytest.param([node(STAR, known(LLAMA))], None, LLAMA, id="one that is not loaded"),
        pytest.param([node(LLAMA, known(QWEN))], None, LLAMA, id="one that is loaded first"),
        pytest.param([node(STAR, known(LLAMA), known(QWEN))], None, QWEN, id="one for code first"),
        pytest.param([node(LLAMA, known(QWEN))], QWEN, QWEN, id="the one that is chosen"),
        pytest.param([node(LLAMA)], STAR, LLAMA, id="the chosen one is a base model"),
        pytest.param([node(LLAMA)], "gone:1b", LLAMA, id="the chosen one is gone"),
        pytest.param([node(ODD, chat=True)], None, ODD, id="its node says that it can"),
        pytest.param([node(QWEN, chat=False)], None, None, id="its node says that it can't"),
        pytest.param([node(None, known(ODD, chat=True))], None, ODD, id="said of one in a list"),
        pytest.param([node(None, known(QWEN, fits=False))], None, None, id="too large"),
        pytest.param(
            [node(None, known(LLAMA), known(QWEN, loaded=True, fits=False))],
            None,
            QWEN,
            id="loaded",
        ),
        pytest.param([node(QWEN, breaker="open")], None, None, id="its node is left alone"),
        pytest.param(
            [NodeStatus(name="old", url="", state="ready", models=[LLAMA])],
            None,
            LLAMA,
            id="an older pool tells names only",
        ),
    ],
)
def test_the_model_to_ask(
    nodes: list[NodeStatus], chosen: str | None, expected: str | None
) -> None:
    assert model_of(nodes, chosen) == expected


@pytest.mark.parametrize("text", ["-" * 5000 + "1", "(" * 500, "x = \0", "def f(:"])
def test_what_cannot_be_parsed_is_no_tree(text: str) -> None:
    assert parsed(text) is None
    assert parsed_proposal(text) is None
    assert parsed("x = 1") is not None


LINES = st.lists(st.sampled_from(["a\n", "b\n", "\n", "c\r\n", "d"]), max_size=12).map("".join)


@given(LINES, LINES)
def test_changes_lead_from_the_old_text_to_the_new_one_and_touch_no_line_twice(
    old: str, new: str
) -> None:
    changes = changes_between(old, new)
    assert applied(old, changes) == new
    places = [
        place
        for change in changes
        for place in (
            (change.start_line, change.start_column),
            (change.end_line, change.end_column),
        )
    ]
    assert places == sorted(places)
    assert (changes == ()) == (old == new)


def applied(text: str, changes: tuple[TextChange, ...]) -> str:
    lines = split_lines(text)
    starts = [sum(map(len, lines[:at])) for at in range(len(lines) + 1)]
    for change in reversed(changes):
        begin = starts[change.start_line] + change.start_column
        end = starts[change.end_line] + change.end_column
        text = text[:begin] + change.text + text[end:]
    return text


def test_only_lines_that_differ_are_changed() -> None:
    assert changes_between("a\nb\nc\n", "a\nx\nc\n") == (TextChange(1, 0, 2, 0, "x\n"),)
    assert changes_between("a\nb", "a\nx") == (TextChange(1, 0, 1, 1, "x"),)
    assert changes_between("a", "a\nb") == (TextChange(0, 0, 0, 1, "a\nb"),)


SECRET = "AKIA" + "Q3EGRIMJ5XK2NU7P"
OTHER = "AKIA" + "Z7QWERTYASDFGH2K"


@pytest.mark.parametrize(
    ("code", "answer", "expected"),
    [
        pytest.param("x = 1", "x = 2", "x = 2", id="no secret"),
        pytest.param(f'k("{SECRET}")', 'await k("{}")', f'await k("{SECRET}")', id="one"),
        pytest.param(
            f'k("{SECRET}", "{OTHER}")', 'k("{}", "{}")', f'k("{SECRET}", "{OTHER}")', id="two"
        ),
        pytest.param(f'k("{SECRET}")', "k()", "k()", id="left out, which the check will see"),
        pytest.param(f'k("{SECRET}")', 'k("{}", "{}")', None, id="one too many"),
        pytest.param("x = 1", 'k("{}")', None, id="made up"),
    ],
)
def test_secrets_are_cut_and_come_back(code: str, answer: str, expected: str | None) -> None:
    placeholder = "<secret:aws-access-key-id>"
    assert SECRET not in cut(code)
    assert restored(answer.replace("{}", placeholder), code) == expected


DEEP = "class A:\n" + "".join(f"    def m{n}(self):\n        pass\n\n" for n in range(400))


@pytest.mark.parametrize("line", [1, 599, 1199])
def test_a_window_of_a_long_file_shows_the_function_at_the_cursor(line: int) -> None:
    lines = split_lines(DEEP)
    window = window_around(lines, line, line)
    found = surroundings(window, "python", line, line).function
    assert found is not None
    assert found[0].name == f"m{(line - 1) // 3}"
    assert len(window.lines) <= 801


@pytest.mark.parametrize(
    ("language", "code", "name"),
    [
        ("javascript", "function f() {\n  return 1;\n}\n", "f"),
        ("go", "package a\n\nfunc f() {\n}\n", "f"),
        ("rust", "fn f() {\n    1\n}\n", "f"),
        ("plaintext", "def f():\n    pass\n", None),
    ],
)
def test_surroundings_are_known_in_every_language_with_a_grammar(
    language: str, code: str, name: str | None
) -> None:
    lines = split_lines(code)
    line = len(lines) - 2
    found = surroundings(window_around(lines, line, line), language, line, line).function
    assert (found[0].name if found else None) == name


def test_an_empty_document_has_no_surroundings() -> None:
    assert surroundings(window_around([], 0, 0), "python", 0, 0).function is None
