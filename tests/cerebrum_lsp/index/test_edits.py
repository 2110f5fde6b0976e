"""Edits lead to what indexing the new text from scratch would give, and memory stays bounded."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cerebrum_lsp.core.index import Index, IndexLimits
from cerebrum_lsp.core.index.incremental import Edit
from orchestrator.retrieval.syntax import outline, parse

PIECES = (
    "import os\n",
    "from .a import b as c\n",
    "X = 1\n",
    "class A:\n    y = 2\n\n    def m(self):\n        self.z = 3\n",
    "def f(a,\n      b):\n    '''Doc.'''\n    return a\n",
    "@wraps\ndef g(): ...\n",
    "\n",
    "# é\n",
    "    ",
    '"""',
    "(",
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


CLOSING = [  # a docstring's end, which a parse that goes on from the error before it does not see
    (0, 0, "def f(a,\n      b):\n    '''Doc.'''\n    return a\n    \"\"\"import os\nimport os\n"),
    (65, 8, '"""'),
]


@settings(max_examples=300, deadline=None)
@example("", CLOSING)
@given(TEXTS, st.lists(st.tuples(st.integers(0, 300), st.integers(0, 40), TEXTS), max_size=4))
def test_edits_give_the_outline_of_the_new_text(
    text: str, edits: list[tuple[int, int, str]]
) -> None:
    index = Index()
    index.update("a.py", text)
    for wanted, length, replacement in edits:
        start, end = min(wanted, len(text)), min(wanted + length, len(text))
        text = text[:start] + replacement + text[end:]
        source = index.edit("a.py", [Edit(start, end, replacement)])
        assert source is not None
        assert source.text == text
        tree = parse(text.encode(), "python")
        assert tree is not None
        if not tree.root_node.has_error:  # how errors are recovered from depends on the way there
            assert source.outline == outline(tree, "python")


def test_texts_go_first_when_memory_is_short_and_names_stay() -> None:
    index = Index(IndexLimits(memory_bytes=40_000))
    for number in range(20):
        index.update(f"m{number}.py", f"def f{number}(): ...\n" + "# filler\n" * 500)
    assert index.memory_bytes <= 40_000
    assert index.definitions_of("f0")
    assert index.sources["m0.py"].text is None
    assert index.sources["m19.py"].text is not None


def test_a_parse_that_is_stopped_leaves_plain_text() -> None:
    source = Index().update("a.py", "x = [1, 2]\n" * 20_000, stop=lambda: True)
    assert source.outline.has_syntax is False
    assert source.outline.definitions == ()


def test_references_are_words_on_their_lines() -> None:
    index = Index()
    index.update("a.py", "run()\nrunner\n\nx.run\n")
    assert list(index.references_to("run")) == [("a.py", 1), ("a.py", 4)]
