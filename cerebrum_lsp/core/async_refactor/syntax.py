"""Small operations on concrete syntax that the transformer is made of."""

import ast
import re

import libcst as cst

from cerebrum_lsp.core.async_refactor.replacements import CLIENT_ARGUMENTS

ASYNC_WORD = re.compile(r"\b(?:await|async)\b")
EMPTY = cst.Module([])
SHOWN_CHARS = 60
CONSUMERS = frozenset(
    [
        "list",
        "tuple",
        "set",
        "dict",
        "sorted",
        "sum",
        "min",
        "max",
        "any",
        "all",
        "enumerate",
        "zip",
        "map",
        "filter",
        "next",
        "iter",
    ]
)


def code(node: cst.CSTNode) -> str:
    """Return a node's source."""
    return EMPTY.code_for_node(node)


def as_ast(node: cst.BaseExpression) -> ast.expr:
    """Return an expression as an abstract syntax tree, without positions that mean anything."""
    return ast.parse(f"({code(node)}\n)", mode="eval").body


def one_line(node: cst.BaseExpression) -> str:
    """Return a node's source on one line, to be quoted in a sentence."""
    text = ast.unparse(as_ast(node))
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def as_primary(node: cst.BaseExpression) -> cst.BaseExpression:
    """Return the expression in parentheses if it is an `await` without them."""
    if isinstance(node, cst.Await) and not node.lpar:
        return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return node


def with_callable(call: cst.Call) -> cst.Call:
    """Return a call whose callable may be an `await` that needs parentheses."""
    return call.with_changes(func=as_primary(call.func))


def with_name(node: cst.BaseExpression, old: str, new: str) -> cst.BaseExpression | None:
    """Return an exception or its call under another name, None if it is something else."""
    if isinstance(node, cst.Call):
        renamed = with_name(node.func, old, new)
        return node.with_changes(func=renamed) if renamed else None
    return cst.Name(new) if isinstance(node, cst.Name) and node.value == old else None


def with_keywords(call: cst.Call, renamed: tuple[tuple[str, str], ...]) -> cst.Call:
    """Return a call with some keywords under other names."""
    names = dict(renamed)
    return call.with_changes(
        args=[
            argument.with_changes(keyword=cst.Name(names[argument.keyword.value]))
            if argument.keyword is not None and argument.keyword.value in names
            else argument
            for argument in call.args
        ]
    )


def in_thread(call: cst.Call) -> cst.Call:
    """Return `asyncio.to_thread(function, …)` for `function(…)`."""
    comma: cst.Comma | cst.MaybeSentinel = cst.MaybeSentinel.DEFAULT
    if call.args:
        multiline = isinstance(call.whitespace_before_args, cst.ParenthesizedWhitespace)
        space = call.whitespace_before_args if multiline else cst.SimpleWhitespace(" ")
        comma = cst.Comma(whitespace_after=space)
    first = cst.Arg(call.func, comma=comma)
    return call.with_changes(
        func=cst.parse_expression("asyncio.to_thread"), args=[first, *call.args]
    )


def client_arguments() -> list[cst.Arg]:
    """Return the arguments that make an httpx client behave like requests."""
    keyword, value = CLIENT_ARGUMENTS.split("=")
    return [
        cst.Arg(
            cst.Name(value),
            keyword=cst.Name(keyword),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
    ]


def count_awaits(node: cst.CSTNode) -> int:
    """Return how much async syntax stands in a piece of code."""
    return len(ASYNC_WORD.findall(code(node)))


def is_call_of(call: ast.Call, name: str) -> bool:
    """Whether a call's callable is that bare name."""
    return isinstance(call.func, ast.Name) and call.func.id == name


def is_builtin_consumer(call: ast.Call) -> bool:
    """Whether a builtin iterates over the call's first argument."""
    return isinstance(call.func, ast.Name) and call.func.id in CONSUMERS and bool(call.args)
