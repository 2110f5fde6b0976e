"""What of a folder is indexed, with Git itself as the judge of its own rules."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cerebrum_lsp.indexing.folders import Folders
from cerebrum_lsp.indexing.ignored import Ignored

RULES = {
    ".gitignore": "*.log.py\nbuild/\n/top.py\n!kept.log.py\ndocs/**/draft*.py\n# a comment\n",
    "pkg/.gitignore": "!special.log.py\ntop.py\nsub/\n!build/\n",
}
FILES = (
    *("a.py", "x.log.py", "kept.log.py", "top.py", "build/a.py", "docs/draft.py"),
    *("docs/x/draft1.py", "pkg/top.py", "pkg/y.log.py", "pkg/special.log.py", "pkg/sub/a.py"),
    *("pkg/build/b.py", "pkg/deep/top.py", "pkg/deep/build/c.py", "other/top.py"),
)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_ignored_is_what_git_ignores(tmp_path: Path) -> None:
    write(tmp_path, {**dict.fromkeys(FILES, ""), **RULES})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: S607
    asked = subprocess.run(
        ["git", "check-ignore", *FILES],  # noqa: S607
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    ignored = Ignored(tmp_path)
    assert {file for file in FILES if ignored.is_ignored(file)} == set(asked.stdout.split())


def test_cerebrumignore_has_its_own_say(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "!a.py\n", ".cerebrumignore": "a.py\nprivate/\n"})
    ignored = Ignored(tmp_path)
    assert [ignored.is_ignored(file) for file in ("a.py", "b.py", "private/x.py")] == [
        True,
        False,
        True,
    ]


def keys(folders: Folders) -> set[str]:
    return {key for key, _ in folders.walk()}


def test_secrets_links_and_what_is_no_code_are_left_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    write(outside, {"elsewhere.py": ""})
    write(
        root,
        {
            **dict.fromkeys(("a.py", "b.ts", "data.json", "README.md", "x.bin"), ""),
            **dict.fromkeys((".aws/c.py", "node_modules/d.js", ".git/e.py", "credentials"), ""),
        },
    )
    (root / "link.py").symlink_to(outside / "elsewhere.py")
    (root / "folder").symlink_to(outside)
    assert keys(Folders((str(root),), 1000)) == {"a.py", "b.ts"}


def test_files_of_several_folders_are_told_apart(tmp_path: Path) -> None:
    for folder in ("one/app", "two/app"):
        write(tmp_path / folder, {"a.py": ""})
    folders = Folders((str(tmp_path / "one/app"), str(tmp_path / "two/app")), 1000)
    assert keys(folders) == {"app/a.py", "app-2/a.py"}
    assert folders.key_of(str(tmp_path / "two/app/b.py")) == "app-2/b.py"
    assert folders.key_of(str(tmp_path / "three/b.py")) is None


def test_a_file_over_the_limit_or_without_text_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"large.py": "x" * 1001, "fits.py": "x" * 1000, "zero.py": "a\0b"})
    folders = Folders((str(tmp_path),), 1000)
    read = {name: folders.read(str(tmp_path / name)) for name in ("large.py", "fits.py", "zero.py")}
    assert read == {"large.py": None, "fits.py": "x" * 1000, "zero.py": None}
