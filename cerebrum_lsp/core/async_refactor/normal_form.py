"""The form that a file and its async rewrite have in common.

Async syntax is taken away, imported names are written by their origin, and what the replacements
turn into each other gets one name, so that a right rewrite comes out as the very same tree.
"""

import ast
from collections.abc import Mapping

from cerebrum_lsp.core.async_refactor import replacements as table
from cerebrum_lsp.core.async_refactor.module_view import dotted_name, imported_names
from cerebrum_lsp.core.async_refactor.vocabulary import RENAMED_DUNDERS

CLIENT = "httpx.AsyncClient"

SYNC_NAMES = {asynchronous: sync for sync, asynchronous in RENAMED_DUNDERS.items()} | {
    "anext": "next",
    "aiter": "iter",
    "aclose": "close",
    "StopAsyncIteration": "StopIteration",
    "asynccontextmanager": "contextmanager",
    "AsyncIterator": "Iterator",
    "AsyncIterable": "Iterable",
    "AsyncGenerator": "Generator",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncExitStack": "ExitStack",
}

COMMON_NAMES = table.RENAMED | table.TWINS | table.RENAMED_NAMES | {"aiofiles.open": "open"}


def normal_form(tree: ast.Module, module: str, twins: Mapping[str, str]) -> ast.Module:
    """Return the tree without async syntax, imports and known replacements (changed in place)."""
    names = imported_names(tree, module)
    normal: ast.Module = _Normal(names, COMMON_NAMES | dict(twins)).visit(tree)
    return ast.fix_missing_locations(normal)


def sync_name(name: str) -> str:
    """Return the sync counterpart of an async name from the standard library or the language."""
    return SYNC_NAMES.get(name, name)


class _Normal(ast.NodeTransformer):
    def __init__(self, imports: Mapping[str, str], common: Mapping[str, str]) -> None:
        self.imports = imports
        self.common = common
        self.clients: list[str] = []

    # ---- async syntax

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self._visited(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.name = sync_name(node.name)
        node.body = node.body or [ast.Pass()]
        if isinstance(node.returns, ast.Subscript):
            node.returns = plain_generator(node.returns)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        fields = {name: getattr(node, name, None) for name in ast.FunctionDef._fields}
        return self.visit_FunctionDef(ast.FunctionDef(**fields))  # type: ignore[arg-type]

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AST:
        self.generic_visit(node)
        return ast.For(node.target, node.iter, node.body, node.orelse, node.type_comment)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.is_async = 0
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST | list[ast.stmt]:
        return self.visit_With(ast.With(node.items, node.body, node.type_comment))

    def visit_With(self, node: ast.With) -> ast.AST | list[ast.stmt]:
        client = self._client_of(node)
        if client:
            self.clients.append(client)
        self.generic_visit(node)
        if client:
            self.clients.pop()
            return node.body
        return node

    # ---- names

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.clients:
            return ast.Name(CLIENT, node.ctx)
        return self._imported(node.id, node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        dotted = dotted_name(node)
        if (dotted and dotted.split(".")[0] in self.imports) or dotted in self.common:
            return self._imported(dotted, node.ctx)
        self.generic_visit(node)
        node.attr = sync_name(node.attr)
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        node.arg = table.REQUESTS_KEYWORDS.get(node.arg, node.arg) if node.arg else None
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = dotted_name(node.func)
        if called == "asyncio.to_thread" and node.args:
            return ast.Call(node.args[0], node.args[1:], node.keywords)
        if called == "asyncio.run" and len(node.args) == 1 and not node.keywords:
            return node.args[0]
        if called == CLIENT:
            node.keywords = [k for k in node.keywords if ast.unparse(k) != table.CLIENT_ARGUMENTS]
        return node

    def _visited(self, node: ast.AST) -> ast.AST:
        visited: ast.AST = self.visit(node)
        return visited

    def _imported(self, dotted: str, context: ast.expr_context) -> ast.AST:
        name = self._common(dotted)
        if name.startswith("requests.") and name in table.REQUESTS_FUNCTIONS:
            method = name.removeprefix("requests.")
            return ast.Attribute(ast.Name(CLIENT, ast.Load()), method, context)
        return ast.Name(name, context)

    def _common(self, dotted: str) -> str:
        first, dot, rest = dotted.partition(".")
        origin = self.imports.get(first, first) + dot + rest
        origin = self.common.get(origin, origin)
        start, dot, last = origin.rpartition(".")
        return start + dot + sync_name(last)

    def _client_of(self, node: ast.With) -> str:
        """Return the variable of a `with` around a client that is like requests, empty otherwise.

        One that is made with any other argument, a proxy say, isn't like it.
        """
        match node.items:
            case [ast.withitem(ast.Call(function, [], keywords), ast.Name(id))]:
                is_plain = all(ast.unparse(each) == table.CLIENT_ARGUMENTS for each in keywords)
                is_client = self._common(dotted_name(function)) == CLIENT
                return id if is_plain and is_client else ""
        return ""


def plain_generator(annotation: ast.Subscript) -> ast.Subscript:
    """Return `Generator[X]` for `Generator[X, Y, Z]`: an async generator has no return type."""
    is_generator = dotted_name(annotation.value).rsplit(".", 1)[-1] == "Generator"
    if is_generator and isinstance(annotation.slice, ast.Tuple):
        annotation.slice = annotation.slice.elts[0]
    return annotation
