"""Add types: the model writes a signature, and the file is the same without annotations."""

import ast
import builtins
import textwrap
from dataclasses import dataclass

from cerebrum_lsp.core.actions.edits import changes_between, newline_of
from cerebrum_lsp.core.actions.extraction import candidates
from cerebrum_lsp.core.actions.prompts import CODE_ONLY, Plan, block, tokens_for, with_complaint
from cerebrum_lsp.core.actions.python_code import (
    FunctionNode,
    Piece,
    Proposed,
    as_function,
    comments_of,
    function_piece,
    import_block,
)
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.core.async_refactor import Edit
from cerebrum_lsp.core.async_refactor.import_lines import import_edits
from cerebrum_lsp.core.async_refactor.line_edits import applied
from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed

TASK = """\
Add type annotations to the parameters and the result of this Python function.

The file imports:
{imports}

The function:
{code}

Answer with the imports that your annotations need beyond these (from typing or collections.abc), \
and the signature only, its body as `...`. Keep its name, its parameters and their defaults."""
GONE = Refused("there is no function on this line")
MODULES = frozenset({"typing", "collections.abc", "types", "pathlib", "datetime", "decimal"})


@dataclass(frozen=True)
class Head:
    """A function's decorators and its signature, as they are written."""

    decorators: str
    signature: str

    def ended_like(self, other: "Head") -> str:
        """Return the signature, with the body to come on the same line as in the other, or not."""
        return self.signature.rstrip() + other.signature[len(other.signature.rstrip()) :]


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask about the function."""
    piece = function_piece(task.text, task.first_line)
    if piece is None:
        return GONE
    code = textwrap.dedent(piece.text)
    imports = block(import_block(task.text), "python")
    asked = TASK.format(imports=imports, code=block(code, "python"))
    head = tokens_for(code[: code.find("\n\n")], 2.0)
    return Plan(CODE_ONLY, with_complaint(asked, complaint), room * head)


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the change, if only annotations differ and all that they name is known."""
    piece = function_piece(task.text, task.first_line)
    if piece is None:
        return GONE
    refused = Refused("there is no code in it", is_open=True)
    for candidate in candidates(answer):
        code = candidate if _has_body(candidate) else f"{candidate.rstrip().rstrip(':')}: ...\n"
        proposed = as_function(code, piece)
        change = (
            Refused(proposed, True) if isinstance(proposed, str) else _put(task, piece, proposed)
        )
        if isinstance(change, Change):
            return change
        refused = change
    return Refused("it was cut off", is_open=True) if is_cut else refused


def _has_body(code: str) -> bool:
    return parsed(textwrap.dedent(code)) is not None


def _put(task: Task, piece: Piece, proposed: Proposed) -> Change | Refused:
    old, new = _head(piece.text), _head(proposed.text)
    if old is None or new is None:
        return Refused("its signature can't be told from its body", is_open=True)
    if lost := comments_of(old.signature) - comments_of(new.signature):
        return Refused(f"the comment `{min(lost)}` is gone", is_open=True)
    lines, newline = split_lines(task.text), newline_of(task.text)
    rest = piece.text[len(old.decorators) + len(old.signature) :]
    function = old.decorators + new.ended_like(old) + rest
    ended = function if piece.is_ended else function.rstrip("\n")
    edits = [Edit(piece.first, piece.last + 1, ended.replace("\n", newline))]
    wanted = {each for each in proposed.imports if _module_of(each) in MODULES}
    tree = ast.parse(task.text)
    edits += import_edits(tree, wanted, newline)
    text = applied(lines, edits)
    if wrong := _what_is_wrong(tree, parsed(text)):
        return Refused(wrong, is_open=True)
    return Change("Typed by a model", changes_between(task.text, text))


def _head(code: str) -> Head | None:
    """Return what of a function stands before its body's first line, or its first statement."""
    tree = parsed(textwrap.dedent(code))
    match tree:
        case ast.Module(body=[ast.FunctionDef() | ast.AsyncFunctionDef() as node]):
            first = node.body[0]
        case _:
            return None
    lines = split_lines(code)
    margin = len(lines[0]) - len(lines[0].lstrip(" \t"))
    last = lines[first.lineno - 1].encode()[: first.col_offset + margin].decode()
    whole = "".join(lines[: first.lineno - 1]) + (f"{last.rstrip()} " if last.strip() else "")
    decorators = "".join(lines[: node.lineno - 1])
    return Head(decorators, whole[len(decorators) :])


def _module_of(statement: str) -> str:
    return statement.split()[1]


def _what_is_wrong(before: ast.Module, after: ast.Module | None) -> str:
    if after is None:
        return "it doesn't parse"
    known = _known_names(after)
    annotations = [each for node in ast.walk(after) for each in _annotations(node)]
    named = {n.id for each in annotations for n in ast.walk(each) if isinstance(n, ast.Name)}
    if named - known:
        return f"`{min(named - known)}` isn't known in this file"
    count = sum(1 for node in ast.walk(before) for _ in _annotations(node))
    if len(annotations) <= count:
        return "it adds no annotation"
    same = _bare(before) == _bare(after)
    return "" if same else "it changes more than annotations"


def _known_names(tree: ast.Module) -> set[str]:
    found = set(dir(builtins))
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name) | ast.Name(id=name, ctx=ast.Store()):
                found.add(name)
            case ast.Import(names) | ast.ImportFrom(names=names):
                found |= {(each.asname or each.name).partition(".")[0] for each in names}
    return found


def _annotations(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.arg(annotation=ast.expr() as annotation):
            return [annotation]
        case ast.FunctionDef(returns=ast.expr() as returns):
            return [returns]
        case ast.AsyncFunctionDef(returns=ast.expr() as returns):
            return [returns]
    return []


def _bare(tree: ast.Module) -> str:
    """Return a tree without annotations of functions and without the modules that hold types."""
    bare = ast.parse(ast.unparse(tree))
    for node in ast.walk(bare):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, FunctionNode):
            node.returns = None
    bare.body = [
        node
        for node in bare.body
        if not (isinstance(node, ast.ImportFrom) and node.module in MODULES)
        and not (isinstance(node, ast.Import) and {a.name for a in node.names} <= MODULES)
    ]
    return ast.dump(bare)
