"""Which file an import means: Python in full, other languages by their paths' names."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from orchestrator.retrieval.syntax import Import

PYTHON_ENDINGS = (".py", ".pyi", ".pyw")
PACKAGE_NAMES = frozenset({"__init__", "index", "mod", "init"})
"""Files that are imported by the name of their folder."""


@dataclass(frozen=True)
class PathRule:
    """How another language writes the path of a file in its imports."""

    separators: tuple[str, ...] = ("/",)
    endings: tuple[str, ...] = ()
    index_names: tuple[str, ...] = ()
    names_folder: bool = False
    """The import names a folder, and means all of its files."""
    roots: tuple[str, ...] = ()
    """Beginnings of an import that stand for the project's own root."""


PATH_RULES: dict[str, PathRule] = {
    "javascript": PathRule(endings=(".js", ".mjs", ".cjs", ".jsx"), index_names=("index",)),
    "typescript": PathRule(
        endings=(".ts", ".tsx", ".mts", ".d.ts", ".js", ".jsx"), index_names=("index",)
    ),
    "go": PathRule(endings=(".go",), names_folder=True),
    "rust": PathRule(("::",), (".rs",), ("mod", "lib", "main"), roots=("crate", "self", "super")),
    "c": PathRule(endings=(".h", ".c")),
    "cpp": PathRule(("/", "::"), (".hpp", ".h", ".hh", ".hxx", ".cpp", ".cc")),
    "java": PathRule((".",), (".java",), names_folder=True),
    "csharp": PathRule((".",), (".cs",), names_folder=True),
    "ruby": PathRule(endings=(".rb",)),
    "php": PathRule(("\\", "/"), (".php",), names_folder=True),
    "shellscript": PathRule(endings=(".sh", ".bash")),
    "lua": PathRule((".", "/"), (".lua",), ("init",)),
    "kotlin": PathRule((".",), (".kt", ".kts"), names_folder=True),
    "swift": PathRule((".",), (".swift",), names_folder=True),
    "scala": PathRule((".",), (".scala", ".sc"), names_folder=True),
    "css": PathRule(endings=(".css",)),
    "html": PathRule(endings=(".js", ".css", ".html")),
}
PATH_RULES["typescriptreact"] = PATH_RULES["typescript"]


class Modules:
    """The files by every name under which an import may mean them.

    A file `src/a/b.py` is known as `b`, `a.b` and `src.a.b`; of several files with one name the
    one that shares most of its folders with the importing file is meant.
    """

    def __init__(self) -> None:
        self._by_tail: dict[str, list[str]] = {}
        self._by_folder: dict[str, list[str]] = {}

    def add(self, path: str) -> None:
        """Take in a file."""
        self._by_tail.setdefault(stem_of(path), []).append(path)
        self._by_folder.setdefault(_folder_name(path), []).append(path)

    def remove(self, path: str) -> None:
        """Forget a file."""
        self._by_tail[stem_of(path)].remove(path)
        self._by_folder[_folder_name(path)].remove(path)

    def beside(self, path: str) -> list[str]:
        """Return the files of the same folder."""
        folder = str(PurePosixPath(path).parent)
        near = self._by_folder.get(_folder_name(path), ())
        return [each for each in near if each != path and str(PurePosixPath(each).parent) == folder]

    def find(self, importer: str, language: str | None, imported: Import) -> list[str]:
        """Return the files that an import of the file `importer` may mean, the likeliest first."""
        if language == "python":
            return self.find_python(importer, imported.module, imported.level)
        rule = PATH_RULES.get(language or "")
        return self._find_by_path(importer, rule, imported) if rule else []

    def find_python(self, importer: str, module: str, level: int) -> list[str]:
        """Return the files of a Python module, `level` counting the leading dots."""
        parts = module.split(".") if module else []
        if level:
            folder = PurePosixPath(importer).parent.parts
            if level - 1 > len(folder):
                return []
            parts = [*folder[: len(folder) - level + 1], *parts]
            return [path for path in self._with_tail(parts, python=True) if _exactly(path, parts)]
        return nearest(importer, self._with_tail(parts, python=True))

    def _with_tail(self, parts: list[str], *, python: bool = False) -> list[str]:
        """Return the files whose path ends in these parts, a package's own file included."""
        if not parts:
            return []
        candidates = self._by_tail.get(parts[-1], ())
        return [
            path
            for path in candidates
            if _ends_with(path, parts) and (not python or path.endswith(PYTHON_ENDINGS))
        ]

    def _find_by_path(self, importer: str, rule: PathRule, imported: Import) -> list[str]:
        parts = self._parts(importer, rule, imported.module)
        if not parts:
            return []
        tries = [parts]
        if imported.name and imported.name != "*":
            tries.insert(0, [*parts, imported.name])
        if rule.roots:
            tries.append(parts[:-1])
        for each in tries:
            if found := self._files(each, rule):
                return nearest(importer, found)
        return self._in_folder(importer, parts[-1], rule) if rule.names_folder else []

    def _files(self, parts: list[str], rule: PathRule) -> list[str]:
        if not parts:
            return []
        plain = PurePosixPath(parts[-1])
        stems = {parts[-1], plain.stem} if plain.suffix in rule.endings else {parts[-1]}
        found = []
        for stem in stems:
            found += [
                path
                for path in self._by_tail.get(stem, ())
                if path.endswith(rule.endings) and _ends_with(path, [*parts[:-1], stem])
            ]
        return found

    def _in_folder(self, importer: str, folder: str, rule: PathRule) -> list[str]:
        found = [path for path in self._by_folder.get(folder, ()) if path.endswith(rule.endings)]
        return nearest(importer, found)

    @staticmethod
    def _parts(importer: str, rule: PathRule, module: str) -> list[str]:
        separator = next((each for each in rule.separators if each in module), rule.separators[0])
        parts = [part for part in module.split(separator) if part]
        while parts and parts[0] in rule.roots:
            parts = parts[1:]
        if module.startswith("."):
            folder = list(PurePosixPath(importer).parent.parts)
            while parts and parts[0] in (".", ".."):
                folder = folder[:-1] if parts[0] == ".." else folder
                parts = parts[1:]
            parts = [*folder, *parts]
        return [part for part in parts if part not in (".", "..", "~", "@")]


def stem_of(path: str) -> str:
    """Return the name under which a file is imported: its own, or that of its folder."""
    return module_parts(path)[-1]


def _folder_name(path: str) -> str:
    return PurePosixPath(path).parent.name


@lru_cache(maxsize=8192)
def module_parts(path: str) -> tuple[str, ...]:
    """Return a file's folders and name as an import would write them."""
    *folders, name = [part for part in path.split("/") if part not in ("", ".")]
    stem = name.partition(".")[0] or name
    return tuple(folders) if stem in PACKAGE_NAMES and folders else (*folders, stem)


def _ends_with(path: str, parts: list[str]) -> bool:
    mine = module_parts(path)
    return len(parts) <= len(mine) and list(mine[len(mine) - len(parts) :]) == parts


def _exactly(path: str, parts: list[str]) -> bool:
    return list(module_parts(path)) == parts


def shared_folders(one: str, other: str) -> int:
    """Return how many folders two paths have in common, from the root."""
    count = 0
    for mine, theirs in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def nearest(importer: str, paths: Iterable[str]) -> list[str]:
    """Sort paths by how near they stand to a file, shorter ones first among equals."""
    return sorted(paths, key=lambda path: (-shared_folders(importer, path), len(path), path))
