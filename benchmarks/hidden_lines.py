"""Hidden-line tasks from any installed packages, in the evaluation kit's own format.

    python -m benchmarks.hidden_lines OUT asyncio click pydantic
    python ../shared/evals/run.py retrieval --data OUT

Retrieval is tuned on some repositories and measured on others; this makes more of the others. The
standard library's `ast` decides what a line uses, so that an error in our own queries can't hide
itself. A task hides one line that uses a definition of another file: by an imported name (for the
first time, or again), or by a method whose name is unique in the package.
"""

import argparse
import ast
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

FIRST, AGAIN, METHOD = "first", "again", "method"
PER_SETTING = {FIRST: 60, AGAIN: 40, METHOD: 30}
PER_FILE = 5
FILE_CHARS = 200_000
HOPS = 5
SEED = 20


@dataclass
class Module:
    """A file of a package: what it defines and which names it imports from where."""

    path: str
    text: str
    tree: ast.Module
    heads: dict[str, list[int]] = field(default_factory=dict)
    methods: dict[str, int] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    import_lines: set[int] = field(default_factory=set)


def read_package(name: str) -> dict[str, Module]:
    spec = find_spec(name)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    modules: dict[str, Module] = {}
    for folder in map(Path, folders):
        for file in sorted(folder.rglob("*.py")):
            path = f"{name}/{file.relative_to(folder).as_posix()}"
            text = file.read_text(encoding="utf-8", errors="replace")
            parts = PurePosixPath(path).parts
            if len(text) > FILE_CHARS or {"_vendor", "tests", "test"} & set(parts):
                continue
            try:
                modules[path] = Module(path, text, ast.parse(text))
            except SyntaxError:
                continue
    for module in modules.values():
        note_definitions(module)
        note_imports(module, modules)
    return modules


def note_definitions(module: Module) -> None:
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            module.heads[node.name] = [node.lineno]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    module.heads.setdefault(target.id, [target.lineno])
    for each in ast.walk(module.tree):
        if isinstance(each, ast.ClassDef):
            for member in each.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    module.methods[member.name] = member.lineno
                    if member.name == "__init__" and each in module.tree.body:
                        module.heads[each.name].append(member.lineno)


def note_imports(module: Module, modules: dict[str, Module]) -> None:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        module.import_lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        if isinstance(node, ast.ImportFrom):
            target = target_of(node, module.path, modules)
            for alias in node.names if target else ():
                module.imported[alias.asname or alias.name] = (target or "", alias.name)


def target_of(node: ast.ImportFrom, path: str, modules: dict[str, Module]) -> str | None:
    parts = node.module.split(".") if node.module else []
    if node.level:
        folder = PurePosixPath(path).parent.parts
        parts = [*folder[: len(folder) - node.level + 1], *parts]
    base = "/".join(parts)
    return next((p for p in (f"{base}.py", f"{base}/__init__.py") if p in modules), None)


def find_definition(
    modules: dict[str, Module], path: str, name: str, hops: int = 0
) -> tuple[str, list[int]] | None:
    module = modules[path]
    if name in module.heads:
        return path, module.heads[name]
    if name in module.imported and hops < HOPS:
        return find_definition(modules, *module.imported[name], hops + 1)
    return None


def unique_methods(modules: dict[str, Module]) -> dict[str, tuple[str, int]]:
    counts = Counter(name for module in modules.values() for name in module.methods)
    taken = {name for module in modules.values() for name in module.heads}
    return {
        name: (module.path, line)
        for module in modules.values()
        for name, line in module.methods.items()
        if counts[name] == 1 and name not in taken and not name.startswith("__") and len(name) > 3
    }


def uses(module: Module, modules: dict[str, Module]) -> Iterator[tuple[int, str, str, list[int]]]:
    """Every use as (line, symbol, defining file, head lines)."""
    methods = unique_methods(modules)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id in module.imported:
            found = find_definition(modules, *module.imported[node.id])
            if found and found[0] != module.path:
                yield node.lineno, node.id, *found
        elif isinstance(node, ast.Attribute) and node.attr in methods:
            path, line = methods[node.attr]
            if path != module.path and isinstance(node.ctx, ast.Load):
                yield (node.end_lineno or node.lineno), f".{node.attr}", path, [line]


def tasks_of(name: str, modules: dict[str, Module]) -> list[dict[str, object]]:
    chance = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    by_setting: dict[str, list[dict[str, object]]] = defaultdict(list)
    for module in modules.values():
        lines = module.text.splitlines()
        by_line: dict[int, list[tuple[str, str, list[int]]]] = defaultdict(list)
        for line, symbol, path, heads in uses(module, modules):
            if line not in module.import_lines and line <= len(lines):
                by_line[line].append((symbol, path, heads))
        rows: dict[str, list[dict[str, object]]] = defaultdict(list)
        for line, found in sorted(by_line.items()):
            setting = setting_of(module, lines, line, [symbol for symbol, _, _ in found])
            rows[setting].append(row_of(name, module, lines, line, setting, found))
        for setting, candidates in rows.items():
            by_setting[setting] += chance.sample(candidates, min(PER_FILE, len(candidates)))
    return [
        row
        for setting, rows_of in by_setting.items()
        for row in chance.sample(rows_of, min(PER_SETTING[setting], len(rows_of)))
    ]


def setting_of(module: Module, lines: list[str], line: int, symbols: list[str]) -> str:
    if all(symbol.startswith(".") for symbol in symbols):
        return METHOD
    before = "\n".join(
        text
        for number, text in enumerate(lines[: line - 1], 1)
        if number not in module.import_lines
    )
    names = [symbol for symbol in symbols if not symbol.startswith(".")]
    return AGAIN if any(re.search(rf"\b{name}\b", before) for name in names) else FIRST


def row_of(
    name: str,
    module: Module,
    lines: list[str],
    line: int,
    setting: str,
    found: list[tuple[str, str, list[int]]],
) -> dict[str, object]:
    golds = [{"file": path, "head": heads[0], "init": heads[1:]} for _, path, heads in found]
    return {
        "id": f"{name}/{module.path}:{line}",
        "repo": name,
        "file": module.path,
        "line": line,
        "gt_line": lines[line - 1],
        "setting": setting,
        "symbols": sorted({symbol for symbol, _, _ in found}),
        "golds": golds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("packages", nargs="+")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources, tasks = [], []
    for name in options.packages:
        modules = read_package(name)
        sources += [{"repo": name, "path": m.path, "text": m.text} for m in modules.values()]
        tasks += tasks_of(name, modules)
    for file, rows in (("xfile_sources.jsonl", sources), ("xfile_tasks.jsonl", tasks)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (options.out / file).write_text(lines, encoding="utf-8")
    print(f"{len(tasks)} tasks of {len(options.packages)} packages in {options.out}")


if __name__ == "__main__":
    main()
