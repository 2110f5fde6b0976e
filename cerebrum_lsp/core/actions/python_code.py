"""Python source by its own parser: a function out of a file, and one out of an answer."""

import ast
import io
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed

MAX_IMPORT_CHARS = 2000  # of a file's imports: what is sent with each question

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Piece:
    """A function's lines, decorators included, with the line ends of Unix.

    `first` and `last` are zero-based; `is_ended` when its last line has an end.
    """

    name: str
    first: int
    last: int
    text: str
    is_ended: bool

    @property
    def indentation(self) -> str:
        """What stands before the function's first line."""
        return self.text[: len(self.text) - len(self.text.lstrip(" \t"))]


@dataclass(frozen=True)
class Proposed:
    """A function as an answer has it, indented as the original.

    `imports` are the statements before it, one for each name, with the name.
    """

    text: str
    imports: Mapping[str, str]


def function_piece(text: str, line: int) -> Piece | None:
    """Return the innermost function around a zero-based line."""
    tree = parsed(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, FunctionNode)] if tree else []
    around = [(*_span(node), node.name) for node in functions]
    found = max((each for each in around if each[0] <= line <= each[1]), default=None)
    if found is None:
        return None
    first, last, name = found
    lines = split_lines(text)[first : last + 1]
    code = "".join(f"{each.rstrip(chr(13) + chr(10))}\n" for each in lines)
    return Piece(name, first, last, code, lines[-1].endswith(("\n", "\r")))


def as_function(answer: str, piece: Piece) -> Proposed | str:
    """Return the function of an answer, or why it has none."""
    code = textwrap.dedent(answer.replace("\r\n", "\n")).strip("\n") + "\n"
    tree = parsed(code)
    if tree is None:
        return "it doesn't parse"
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in tree.body if node not in imports]
    match rest:
        case [ast.FunctionDef() | ast.AsyncFunctionDef() as function]:
            first, last = _span(function)
        case _:
            return f"it isn't one function, but {len(rest)} statements"
    body = "".join(split_lines(code)[first : last + 1])
    imported = dict(statement for node in imports for statement in _statements(node))
    return Proposed(textwrap.indent(body, piece.indentation), imported)


def import_block(text: str) -> str:
    """Return a file's imports at its top level, as far as there is room."""
    tree = parsed(text)
    nodes = tree.body if tree else []
    lines = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(lines)[:MAX_IMPORT_CHARS]


def comments_of(code: str) -> set[str]:
    """Return the comments in some code, indented or not."""
    source = io.StringIO(textwrap.dedent(code))
    try:
        tokens = list(tokenize.generate_tokens(source.readline))
    except (tokenize.TokenError, SyntaxError):
        return set()
    return {token.string for token in tokens if token.type == tokenize.COMMENT}


def calls_of(text: str, name: str) -> list[int]:
    """Return the zero-based lines where something of that name is called without `await`."""
    tree = parsed(text)
    nodes = list(ast.walk(tree)) if tree else []
    awaited = {node.value for node in nodes if isinstance(node, ast.Await)}
    return sorted(
        node.lineno - 1
        for node in nodes
        if isinstance(node, ast.Call) and node not in awaited and _called_name(node) == name
    )


def _called_name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _span(node: FunctionNode) -> tuple[int, int]:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return first - 1, (node.end_lineno or node.lineno) - 1


def _statements(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield an import as one statement for each name, with the name that it binds."""
    for alias in node.names:
        bound = alias.asname or alias.name
        if isinstance(node, ast.Import):
            yield ast.unparse(ast.Import([alias])), bound.partition(".")[0]
        else:
            yield ast.unparse(ast.ImportFrom(node.module, [alias], node.level)), bound
