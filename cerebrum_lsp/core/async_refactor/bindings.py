"""What type a name or an attribute has, as far as the file says so.

A type is a dotted name: of a class of the file, or the origin of something imported. Control flow
is not followed; a name that is bound to two types has none.
"""

import ast
from collections.abc import Iterable, Iterator

from cerebrum_lsp.core.async_refactor.module_view import (
    Class,
    Function,
    ModuleView,
    dotted_name,
    running,
)

LITERALS = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Tuple: "tuple",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.JoinedStr: "str",
}

RETURNED_TYPES = {
    "open": "io.TextIOWrapper",
    "aiofiles.open": "aiofiles.File",
    "aiosqlite.connect": "aiosqlite.Connection",
    "asyncpg.connect": "asyncpg.Connection",
    "asyncpg.create_pool": "asyncpg.Pool",
    "asyncio.create_subprocess_exec": "asyncio.subprocess.Process",
    "asyncio.create_subprocess_shell": "asyncio.subprocess.Process",
    "subprocess.run": "subprocess.CompletedProcess",
    "socket.create_connection": "socket.socket",
    "socket.socket": "socket.socket",
    "urllib.request.urlopen": "http.client.HTTPResponse",
} | {
    f"requests.{method}": "requests.Response"
    for method in ("get", "post", "put", "patch", "delete", "head", "options", "request")
}

SELF_RETURNING = frozenset({"with_options", "options", "clone", "copy", "configure"})
UNTYPED = frozenset({"", "None", "typing.Any", "Any"})
WRAPPERS = frozenset({"typing.Optional", "typing.Annotated", "typing.Final", "typing.ClassVar"})


class Bindings:
    """Looks types up, and remembers what it found."""

    def __init__(self, view: ModuleView) -> None:
        self.view = view
        self._locals: dict[Function, dict[str, str]] = {}
        self._attributes: dict[Class, dict[str, str]] = {}
        self._module: dict[str, str] | None = None

    def type_of(self, expression: ast.expr, function: Function | None) -> str:
        """Return the type of an expression, empty where it isn't known."""
        found = LITERALS.get(type(expression), "")
        match expression:
            case ast.Name(id):
                found = self._name(id, function)
            case ast.Attribute(value, attr):
                found = self._attribute(self.type_of(value, function), attr)
            case ast.Await(value) | ast.NamedExpr(value=value):
                found = self.type_of(value, function)
            case ast.Call():
                found = self._returned(expression, function)
            case ast.Constant(value):
                found = type(value).__name__
            case ast.BoolOp(values=values):
                found = self._common(values, function)
            case ast.IfExp(body=body, orelse=orelse):
                found = self._common([body, orelse], function)
        return found

    def is_local(self, name: str, function: Function | None) -> bool:
        """Whether a name is bound in a function or one around it, so that it hides an import."""
        while function is not None:
            if name in self.locals_of(function):
                return True
            function = function.parent
        return False

    def annotated(self, annotation: ast.expr | None) -> str:
        """Return the type that an annotation names, `X` for `X | None` and `Optional[X]`."""
        match annotation:
            case ast.Constant(str() as text):
                return self.annotated(parsed(text))
            case ast.BinOp(left, ast.BitOr(), right):
                return unambiguous([self.annotated(left), self.annotated(right)])
            case ast.Subscript(value, inner):
                outer = self.view.origin(dotted_name(value))
                return self.annotated(inner) if outer in WRAPPERS else outer
            case ast.Name() | ast.Attribute():
                return self.view.origin(dotted_name(annotation))
        return ""

    def locals_of(self, function: Function) -> dict[str, str]:
        """Return the types of what a function binds, empty strings where they aren't known."""
        if function not in self._locals:
            self._locals[function] = {}  # a recursive look-up finds nothing
            self._locals[function] = self._bound(
                parameters(function.node.args), function.own_nodes, function
            )
        return self._locals[function]

    def _name(self, name: str, function: Function | None) -> str:
        if function is not None:
            instance, cls = function.self_name()
            if cls is not None and name == instance:
                return cls.name
        around = function
        while around is not None:
            if name in self.locals_of(around):
                return self.locals_of(around)[name]
            around = around.parent
        return self._module_names().get(name, "")

    def _module_names(self) -> dict[str, str]:
        if self._module is None:
            self._module = {}
            nodes = [node for statement in self.view.tree.body for node in running(statement)]
            self._module = self._bound([], nodes, None)
        return self._module

    def _bound(
        self,
        arguments: Iterable[ast.arg],
        nodes: Iterable[ast.AST],
        function: Function | None,
    ) -> dict[str, str]:
        found: dict[str, list[str]] = {}
        for argument in arguments:
            found.setdefault(argument.arg, []).append(self.annotated(argument.annotation))
        for name, type_name in self._assigned(nodes, function):
            if "." not in name:
                found.setdefault(name, []).append(type_name)
        return {name: unambiguous(types) for name, types in found.items()}

    def _assigned(
        self, nodes: Iterable[ast.AST], function: Function | None
    ) -> Iterator[tuple[str, str]]:
        for node in nodes:
            match node:
                case ast.Assign(targets, value):
                    for target in targets:
                        yield dotted_name(target), self.type_of(value, function)
                        yield from ((name, "") for name in unpacked(target))
                case ast.AnnAssign(target, annotation):
                    yield dotted_name(target), self.annotated(annotation)
                case ast.NamedExpr(target, value):
                    yield target.id, self.type_of(value, function)
                case ast.withitem(context_expr, ast.Name(id)):
                    yield id, self.type_of(context_expr, function)
                case ast.For(target) | ast.AsyncFor(target) | ast.comprehension(target):
                    yield from ((name, "") for name in [dotted_name(target), *unpacked(target)])
                case ast.ExceptHandler(name=str() as name):
                    yield name, ""

    def _attribute(self, owner: str, attribute: str) -> str:
        if owner not in self.view.classes:
            return ""
        cls = self.view.classes[owner]
        for ancestor in [*self.view.ancestors(cls), *self.view.descendants(cls)]:
            if attribute in self._attributes_of(ancestor):
                return self._attributes_of(ancestor)[attribute]
        return ""

    def _attributes_of(self, cls: Class) -> dict[str, str]:
        if cls not in self._attributes:
            self._attributes[cls] = {}
            found: dict[str, list[str]] = {}
            for name, type_name in self._assigned(cls.node.body, None):
                found.setdefault(name, []).append(type_name)
            for method in cls.methods.values():
                prefix = f"{method.first_parameter}."
                for name, type_name in self._assigned(method.own_nodes, method):
                    if method.first_parameter and name.startswith(prefix):
                        found.setdefault(name.removeprefix(prefix), []).append(type_name)
            for method in cls.methods.values():
                if any(ast.unparse(d).endswith("property") for d in method.node.decorator_list):
                    found[method.name] = [self.annotated(method.node.returns)]
            self._attributes[cls] = {name: unambiguous(types) for name, types in found.items()}
        return self._attributes[cls]

    def _returned(self, call: ast.Call, function: Function | None) -> str:
        name = dotted_name(call.func)
        if isinstance(call.func, ast.Attribute):
            owner = self.type_of(call.func.value, function)
            if owner in self.view.classes:
                methods = self.view.methods(self.view.classes[owner], call.func.attr)
                return unambiguous([self.annotated(method.node.returns) for method in methods])
            if owner and call.func.attr in SELF_RETURNING:
                return owner
            if owner:
                return ""
        if not name or self.is_local(name.split(".")[0], function):
            return ""
        target = self.view.lookup(name, function)
        if target is not None:
            return self.annotated(target.node.returns)
        origin = self.view.origin(name)
        return RETURNED_TYPES.get(origin) or (origin if names_class(origin) else "")

    def _common(self, values: list[ast.expr], function: Function | None) -> str:
        return unambiguous([self.type_of(value, function) for value in values])


def names_class(origin: str) -> bool:
    """Whether a dotted name ends like a class, or is a built-in container."""
    last = origin.rsplit(".", 1)[-1].lstrip("_")
    return last[:1].isupper() or origin in ("list", "dict", "set", "tuple", "bytearray", "str")


def unambiguous(types: list[str]) -> str:
    """Return the only type among some, `None` and the unknown left out."""
    named = {name for name in types if name not in UNTYPED and name != "NoneType"}
    return named.pop() if len(named) == 1 else ""


def parameters(arguments: ast.arguments) -> Iterator[ast.arg]:
    """Yield every parameter."""
    yield from [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    yield from (extra for extra in (arguments.vararg, arguments.kwarg) if extra)


def unpacked(target: ast.expr) -> Iterator[str]:
    """Yield the names in a tuple target."""
    if isinstance(target, ast.Tuple | ast.List | ast.Starred):
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                yield node.id


def parsed(text: str) -> ast.expr | None:
    """Parse an annotation that is written as a string."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
