"""What the index holds after files and documents came, changed and went."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebrum_lsp.core.index import IndexLimits
from cerebrum_lsp.core.lines import Lines
from cerebrum_lsp.indexing.folders import Folders
from cerebrum_lsp.indexing.messages import (
    Changed,
    Closed,
    DiskChanged,
    Opened,
    Retrieve,
    TextChange,
)
from cerebrum_lsp.indexing.open_documents import OpenDocument, Session
from cerebrum_lsp.indexing.service import IndexService
from tests.cerebrum_lsp.indexing.test_ignored import write

LIMITS = IndexLimits(file_bytes=2000)


class Workspace:
    """A folder with an index, built to the end after each event."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        write(folder, files)
        self.clock_s = 0.0
        folders = Folders((str(folder),), LIMITS.file_bytes)
        self.service = IndexService(folders, "utf-16", lambda: self.clock_s, LIMITS)
        self.settle()

    def settle(self) -> None:
        while self.service.step():
            pass

    def path(self, name: str) -> str:
        return str((self.folder / name).resolve())

    def write(self, name: str, text: str) -> None:
        write(self.folder, {name: text})
        self.disk_changed(name)

    def disk_changed(self, *names: str) -> None:
        self.service.disk_changed(DiskChanged(tuple(self.path(name) for name in names)))
        self.settle()

    def open(self, name: str, text: str) -> None:
        self.service.opened(Opened(self.path(name), text))

    def edit(self, name: str, *changes: TextChange) -> None:
        self.service.changed(Changed(self.path(name), changes))

    def knows(self, name: str) -> bool:
        return bool(self.service.index.definitions_of(name))

    def context(self, name: str, line: int, column: int) -> str:
        ask = Retrieve(1, self.path(name), line, column, 3000, 100)
        return "\n".join(excerpt.text for excerpt in self.service.retrieve(ask).excerpts)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    files = {"a.py": "def alpha(one): ...\n", "pkg/b.py": "def beta(): ...\n"}
    return Workspace(tmp_path, {**files, ".gitignore": "out/\n", "out/c.py": "def out(): ...\n"})


def test_a_workspace_is_taken_in_without_what_it_ignores(workspace: Workspace) -> None:
    assert (workspace.knows("alpha"), workspace.knows("beta")) == (True, True)
    assert not workspace.knows("out")
    assert workspace.service.progress.is_complete


def test_what_changes_on_the_disk_is_followed(workspace: Workspace) -> None:
    workspace.write("a.py", "def gamma(): ...\n")
    assert (workspace.knows("alpha"), workspace.knows("gamma")) == (False, True)
    workspace.write("new/d.py", "def delta(): ...\n")
    assert workspace.knows("delta")
    (workspace.folder / "a.py").unlink()
    workspace.disk_changed("a.py")
    assert not workspace.knows("gamma")


def test_a_folder_that_moves_takes_its_files_along(workspace: Workspace) -> None:
    (workspace.folder / "pkg").rename(workspace.folder / "moved")
    workspace.disk_changed("pkg", "moved")
    assert set(workspace.service.index.sources) == {"a.py", "moved/b.py"}


def test_new_rules_are_followed_at_once(workspace: Workspace) -> None:
    workspace.write(".gitignore", "pkg/\n")
    assert (workspace.knows("beta"), workspace.knows("out")) == (False, True)


def test_a_file_that_outgrows_the_limit_goes(workspace: Workspace) -> None:
    workspace.write("a.py", "def alpha(): ...\n" * 200)
    assert not workspace.knows("alpha")


def test_the_editors_text_goes_before_the_disks_until_it_is_closed(workspace: Workspace) -> None:
    workspace.open("a.py", "def edited(): ...\n")
    workspace.write("a.py", "def saved(): ...\n")
    assert (workspace.knows("edited"), workspace.knows("saved")) == (True, False)
    workspace.service.closed(Closed(workspace.path("a.py")))
    workspace.settle()
    assert (workspace.knows("edited"), workspace.knows("saved")) == (False, True)


def test_an_edit_changes_what_is_defined(workspace: Workspace) -> None:
    workspace.open("a.py", "# 😀\ndef alpha(): ...\n")
    workspace.edit("a.py", TextChange("beta_", (1, 4), (1, 4)))
    assert workspace.knows("beta_alpha")
    workspace.edit("a.py", TextChange("def whole(): ...\n"))
    assert (workspace.knows("beta_alpha"), workspace.knows("whole")) == (False, True)


def test_a_document_that_is_ignored_or_elsewhere_has_no_context_and_is_none(
    workspace: Workspace,
) -> None:
    for name in ("out/c.py", "../elsewhere.py", ".env"):
        workspace.open(name, "alpha = beta = 1\nal")
        assert workspace.context(name, 1, 2) == ""
        assert name not in workspace.service.index.sources


def test_context_is_of_other_files_and_of_what_the_document_is_now(workspace: Workspace) -> None:
    workspace.open("main.py", "")
    workspace.edit("main.py", TextChange("from a import alpha\n\nx = ", (0, 0), (0, 0)))
    assert "def alpha(one): ..." in workspace.context("main.py", 2, 4)


def test_a_secret_is_cut_from_context_even_where_a_piece_shows_one_line_of_it(
    workspace: Workspace,
) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLQ"
    workspace.write("keys.py", f'access_key = "{secret}"\n')
    workspace.open("main.py", "from keys import access_key\n\nx = ")
    context = workspace.context("main.py", 2, 4)
    assert "access_key" in context
    assert secret not in context


def test_a_parse_that_takes_too_long_leaves_text_that_can_still_be_edited(
    workspace: Workspace,
) -> None:
    workspace.service._clock = iter(range(100_000)).__next__  # a second passes at each look
    workspace.open("slow.py", "def slow(): ...\n" * 100)
    source = workspace.service.index.sources["slow.py"]
    assert source.outline.has_syntax is False
    workspace.edit("slow.py", TextChange("x", (0, 0), (0, 0)))
    assert (workspace.service.index.sources["slow.py"].text or "").startswith("xdef")


def test_an_edit_that_takes_too_long_to_parse_keeps_the_definitions_until_there_is_time(
    workspace: Workspace,
) -> None:
    service = workspace.service
    workspace.open("slow.py", "def one(): ...\n" * 50 + "def last(): ...\n")
    service._clock = iter(range(100_000)).__next__
    workspace.edit("slow.py", TextChange("\ndef new(): ...\n\n", (0, 0), (0, 0)))
    assert (workspace.knows("last"), workspace.knows("new"), service.is_late) == (True, False, True)
    place = service.index.definitions_of("last")[0]
    assert service.index.definition(place).head_line == 54
    service._clock = lambda: 0.0
    service.catch_up()
    assert (workspace.knows("new"), service.is_late) == (True, False)


POSITIONS = st.tuples(st.integers(0, 6), st.integers(0, 8))
TEXTS = st.text(st.sampled_from("ab\n\r😀 é"), max_size=12)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(st.tuples(POSITIONS, POSITIONS, TEXTS), max_size=4))
def test_edits_by_offset_are_the_edits_by_place(
    text: str, changes: list[tuple[tuple[int, int], tuple[int, int], str]]
) -> None:
    session = Session("utf-16")
    document = OpenDocument("a.py", text)
    told = [TextChange(new, min(one, two), max(one, two)) for one, two, new in changes]
    edits = session.apply(document, told)
    assert edits is not None
    for edit in edits:
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    assert text == document.lines.text == Lines(text).text
