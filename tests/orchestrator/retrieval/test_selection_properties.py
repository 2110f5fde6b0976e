"""What holds for every selection, whatever the code and the instruction."""

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.retrieval.chunks import ChunkSize, chunks_of, lines_of
from orchestrator.retrieval.document import Document, read
from orchestrator.retrieval.mentions import mentions
from orchestrator.retrieval.pipeline import prepare_prompt
from orchestrator.retrieval.select import Budget, Selection, select
from orchestrator.retrieval.targets import targets

NAMES = ["fetch", "close", "Client", "Pool", "read_all", "run"]
LANGUAGES = ["python", "javascript", "go", None]
CODE_LINES = st.one_of(
    st.builds("def {}(self):".format, st.sampled_from(NAMES)),
    st.builds("class {}:".format, st.sampled_from(NAMES)),
    st.builds("    def {}(self):".format, st.sampled_from(NAMES)),
    st.builds("        return self.{}()".format, st.sampled_from(NAMES)),
    st.builds("    return {}()".format, st.sampled_from(NAMES)),
    st.builds("function {}() {{ return {}(); }}".format, *[st.sampled_from(NAMES)] * 2),
    st.sampled_from(["", "# é…", "x = 1", "}", '"""', "```", "\tfoo()", "@cache", "*/", "/*"]),
    st.text(max_size=30),
    st.text("ab c", min_size=900, max_size=1200),
)
CODE = st.lists(CODE_LINES, max_size=40).map("\n".join)
INSTRUCTIONS = st.lists(
    st.sampled_from(
        [*NAMES, "Refactor", "Pool.fetch", "`run`", "the", "in", "class", "async", ","]
    ),
    min_size=1,
    max_size=8,
).map(" ".join)


def selected(
    code: str, language: str | None, instruction: str, chars: int
) -> tuple[Document, Selection]:
    document = read(code, language)
    return document, select([document], instruction, [0], ChunkSize(), Budget(chars))


@given(CODE, st.sampled_from(LANGUAGES), INSTRUCTIONS, st.integers(0, 3000))
def test_selected_lines_stand_in_the_source_in_its_order(
    code: str, language: str | None, instruction: str, chars: int
) -> None:
    document, selection = selected(code, language, instruction, chars)
    behind = 0
    for piece in selection.excerpts[0].pieces():
        assert piece.start >= behind
        assert code[piece.start : piece.start + len(piece.text)] == piece.text
        assert all(document.lines[number - 1] in piece.text for number in piece.lines)
        behind = piece.start + len(piece.text)


@given(CODE, st.sampled_from(LANGUAGES), INSTRUCTIONS, st.integers(0, 3000))
def test_the_budget_holds_and_targets_are_whole(
    code: str, language: str | None, instruction: str, chars: int
) -> None:
    document, selection = selected(code, language, instruction, chars)
    rendered = selection.excerpts[0].render()
    _, alone = selected(code, language, instruction, 0)
    assert len(rendered) <= max(chars, len(alone.excerpts[0].render()))
    for index in targets(mentions(instruction), document):
        first, last = lines_of(document, index)
        for line in document.lines[first - 1 : last]:
            assert line.strip() in rendered


@given(CODE, st.sampled_from(LANGUAGES))
def test_chunks_hold_all_visible_text(code: str, language: str | None) -> None:
    covered = bytearray(len(code))
    for chunk in chunks_of(read(code, language), ChunkSize()):
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    assert not "".join(c for c, is_in in zip(code, covered, strict=True) if not is_in).strip()


@given(st.lists(st.one_of(CODE_LINES, INSTRUCTIONS), max_size=80).map("\n".join))
def test_any_prompt_is_prepared_and_reported(prompt: str) -> None:
    prepared = prepare_prompt(prompt)
    assert prepared.report.chars_in == len(prompt)
    assert prepared.report.chars_out == len(prepared.prompt)
    if prepared.unchanged is not None:
        assert prepared.prompt == prompt
    else:
        assert prepared.report.chars_out <= 0.9 * prepared.report.chars_in
