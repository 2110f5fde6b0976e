"""What is wrong with a configuration, and on which line of its file."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from orchestrator.config import ENV_PREFIX, Config, fault, from_file, words
from orchestrator.node_config import NodeConfig

Step = str | int


class Fault(NamedTuple):
    """A fault, and the line that it is on; 0: none."""

    line: int
    words: str


def check(file: Path | None) -> list[str]:
    """Return each fault of `file` and of the environment, in words; no key is repeated."""
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            last = f"at the end, line {len(text.splitlines())}"
            return [f"{file}: {str(error).replace('at end of document', last)}"]
        except OSError as error:
            return [f"{file}: it can't be read: {error.strerror}"]
        except UnicodeDecodeError:
            return [f"{file}: it can't be read: it is no UTF-8"]
    else:
        data = {}
    lines = dict(locations(text))
    found = [_at(file, lines, (name,), _unknown(name)) for name in data if name not in known()]
    try:
        from_file(file)
    except ValidationError as error:
        found += [_described(file, data, lines, each) for each in error.errors()]
    return [each.words for each in sorted(found)]


def known() -> list[str]:
    """Return the names that a file may set."""
    return list(Config.model_fields)


def locations(text: str) -> Iterator[tuple[tuple[Step, ...], int]]:
    """Yield where each key, table and table of a list in valid TOML is set, by line from 1.

    Statement by statement: the TOML parser itself says where each one ends.
    """
    table: tuple[Step, ...] = ()
    counts: dict[tuple[Step, ...], int] = {}
    begun_at, statement = 1, ""
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        begun_at = begun_at if statement else number
        statement += line
        try:
            parsed = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # it goes on, on the next line
        path = tuple(_path(parsed))
        if statement.lstrip().startswith("["):
            table = _numbered(path, counts, is_list=statement.lstrip().startswith("[["))
            yield table, begun_at
        elif path:
            yield (*table, *path), begun_at
        statement = ""


def _path(statement: dict[str, Any]) -> Iterator[str]:
    """Return the dotted key of one statement."""
    value: Any = statement
    while isinstance(value, dict) and len(value) == 1:
        [(name, value)] = value.items()
        yield name


def _numbered(
    path: tuple[Step, ...], counts: dict[tuple[Step, ...], int], *, is_list: bool
) -> tuple[Step, ...]:
    if not is_list:
        return path
    counts[path] = counts.get(path, -1) + 1
    return (*path, counts[path])


def _at(
    file: Path | None, lines: Mapping[tuple[Step, ...], int], where: Sequence[Step], words: str
) -> Fault:
    """Say where: the line of the innermost table or key that is there."""
    if file is None:
        return Fault(0, words)
    for end in range(len(where), 0, -1):
        line = lines.get(tuple(where[:end]))
        if line is not None:
            return Fault(line, f"{file}:{line}: {words}")
    return Fault(0, f"{file}: {words}")


def _described(
    file: Path | None,
    data: Mapping[str, Any],
    lines: Mapping[tuple[Step, ...], int],
    error: Any,
) -> Fault:
    """Say one of pydantic's errors; what the environment sets is over what the file does."""
    where = tuple(_field_name(step) for step in error["loc"])
    if not where:
        return _at(file, lines, where, fault(error))
    set_by = [name for name in _environment_names(str(where[0])) if os.environ.get(name)]
    if set_by:
        return Fault(0, f"{set_by[0]}: {words(error)}")
    return _at(file if where[0] in data else None, lines, where, fault({**error, "loc": where}))


def _environment_names(name: str) -> list[str]:
    field = Config.model_fields.get(name)
    alias = field.validation_alias if field is not None else None
    others = getattr(alias, "choices", [alias] if isinstance(alias, str) else [])
    return [f"{ENV_PREFIX}{name.upper()}", *[str(each) for each in others]]


def _field_name(step: Step) -> Step:
    """Return the name in the file for a name of the environment."""
    for name in known():
        if isinstance(step, str) and step in _environment_names(name):
            return name
    return step


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*known(), *NodeConfig.model_fields], n=1)
    hint = f"; is it {near[0]}?" if near else ""
    return f"there is no setting {name}{hint}"
