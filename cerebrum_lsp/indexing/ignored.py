"""Which files of a folder are none of the index's business: ignored ones, and those of secrets."""

from functools import cache
from pathlib import Path

from pathspec import GitIgnoreSpec

from cerebrum_lsp.core.secrets.paths import is_secret_path

IGNORE_FILES = (".gitignore", ".cerebrumignore")
SKIPPED_FOLDERS = frozenset(
    {
        *(".git", ".hg", ".svn", ".jj", "node_modules", "bower_components", "__pycache__"),
        *(".venv", "venv", ".tox", ".nox", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache"),
        *(".idea", ".vscode", ".gradle", ".next", ".nuxt", ".svelte-kit", ".terraform"),
    }
)
"""What others wrote or what was generated, in repositories that forgot to ignore it."""


class Ignored:
    """The rules of one folder; make a new one when a file of rules has changed.

    Each kind of file has its own say, as Git reads it: rules deeper down go before those above.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rules = cache(self._read_rules)
        self.is_ignored_folder = cache(self._is_ignored_folder)

    def is_ignored(self, path: str) -> bool:
        """Whether a file, by its path within the folder, is left out."""
        parent = path.rpartition("/")[0]
        if parent and self.is_ignored_folder(parent):
            return True
        return is_secret_path(path) or self._is_matched(path, "")

    def _is_ignored_folder(self, path: str) -> bool:
        parent, _, name = path.rpartition("/")
        if parent and self.is_ignored_folder(parent):
            return True
        return name in SKIPPED_FOLDERS or self._is_matched(path, "/")

    def _is_matched(self, path: str, end: str) -> bool:
        return any(self._verdict(name, path, end) for name in IGNORE_FILES)

    def _verdict(self, rule_file: str, path: str, end: str) -> bool:
        parts = path.split("/")
        for depth in range(len(parts) - 1, -1, -1):
            rules = self._rules("/".join(parts[:depth]), rule_file)
            if rules is not None:
                verdict = rules.check_file("/".join(parts[depth:]) + end).include
                if verdict is not None:
                    return verdict
        return False

    def _read_rules(self, folder: str, rule_file: str) -> GitIgnoreSpec | None:
        """Return the rules of one file; those that can't be read are none."""
        files = [self._folder / folder / rule_file]
        if not folder and rule_file == ".gitignore":
            files.insert(0, self._folder / ".git" / "info" / "exclude")
        lines: list[str] = []
        for file in files:
            try:
                lines += file.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
        return GitIgnoreSpec.from_lines(lines) if lines else None
