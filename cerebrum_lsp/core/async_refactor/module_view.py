"""A file as the rules see it: imports, classes, functions and who contains whom."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(eq=False)
class Function:
    """A function or method, with the class and function around it."""

    node: FunctionNode
    cls: "Class | None"
    parent: "Function | None"
    nested: "dict[str, Function]" = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The bare name."""
        return self.node.name

    @property
    def is_async(self) -> bool:
        """Whether it is defined with `async def`."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @cached_property
    def own_nodes(self) -> list[ast.AST]:
        """Every node of the body that runs when the function runs."""
        return [node for statement in self.node.body for node in running(statement)]

    @cached_property
    def is_generator(self) -> bool:
        """Whether calling it gives an iterator."""
        return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in self.own_nodes)

    @cached_property
    def is_abstract(self) -> bool:
        """Whether the body only says that somebody else implements it."""
        return all(is_placeholder(statement) for statement in self.node.body)

    @cached_property
    def first_parameter(self) -> str:
        """`self` or `cls` of a method; empty elsewhere."""
        arguments = [*self.node.args.posonlyargs, *self.node.args.args]
        static = any(ast.unparse(d) == "staticmethod" for d in self.node.decorator_list)
        return arguments[0].arg if arguments and self.cls and not static else ""

    def self_name(self) -> "tuple[str, Class | None]":
        """Return the name of the instance here or around, and its class."""
        function: Function | None = self
        while function is not None:
            if function.cls is not None:
                return function.first_parameter, function.cls
            function = function.parent
        return "", None


@dataclass(eq=False)
class Class:
    """A class with its methods and the dotted names of its bases."""

    node: ast.ClassDef
    bases: tuple[str, ...]
    methods: dict[str, Function] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The bare name."""
        return self.node.name


def running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is evaluated with it: not the bodies of inner functions and classes."""
    yield node
    if isinstance(node, SCOPES):
        return
    if isinstance(node, ast.GeneratorExp):
        yield from running(node.generators[0].iter)
        return
    for child in ast.iter_child_nodes(node):
        yield from running(child)


def is_placeholder(statement: ast.stmt) -> bool:
    """Whether a statement is a docstring, `...`, `pass` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Raise) and "NotImplementedError" in ast.unparse(statement)


def dotted_name(expression: ast.expr) -> str:
    """Return `a.b.c` of names and attributes, empty for anything else."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return ""
    return ".".join([expression.id, *reversed(parts)])


class ModuleView:
    """The definitions of one file by name."""

    def __init__(self, tree: ast.Module, module: str = "") -> None:
        self.tree = tree
        self.imports = imported_names(tree, module)
        self.classes: dict[str, Class] = {}
        self.functions: dict[str, Function] = {}
        self.all_functions: list[Function] = []
        self._collect(tree, None, None)
        self.methods_by_name: dict[str, list[Function]] = {}
        for function in self.all_functions:
            if function.cls is not None:
                self.methods_by_name.setdefault(function.name, []).append(function)

    def origin(self, name: str) -> str:
        """Return where a dotted name comes from: `sleep` → `time.sleep`."""
        first, dot, rest = name.partition(".")
        return self.imports.get(first, first) + dot + rest

    def lookup(self, name: str, function: Function | None) -> Function | None:
        """Return the function that a bare name calls inside another function."""
        while function is not None:
            if name in function.nested:
                return function.nested[name]
            function = function.parent
        return self.functions.get(name)

    def ancestors(self, cls: Class) -> Iterator[Class]:
        """Yield the class and its bases that are defined here, nearest first."""
        yield cls
        for base in cls.bases:
            if base in self.classes and base != cls.name:
                yield from self.ancestors(self.classes[base])

    def descendants(self, cls: Class) -> Iterator[Class]:
        """Yield the classes defined here that derive from the class."""
        for other in self.classes.values():
            if other is not cls and cls in self.ancestors(other):
                yield other

    def methods(self, cls: Class, name: str) -> list[Function]:
        """Return what a method call may reach: the inherited definition and its overrides."""
        own = [a.methods[name] for a in self.ancestors(cls) if name in a.methods][:1]
        return own + [d.methods[name] for d in self.descendants(cls) if name in d.methods]

    def _collect(self, node: ast.AST, cls: Class | None, parent: Function | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FunctionNode):
                self._add_function(child, cls, parent)
            elif isinstance(child, ast.ClassDef):
                bases = tuple(self.origin(dotted_name(plain_base(base))) for base in child.bases)
                found = self.classes.setdefault(child.name, Class(child, bases))
                self._collect(child, found, parent)
            elif not isinstance(child, ast.expr):
                self._collect(child, cls, parent)

    def _add_function(self, node: FunctionNode, cls: Class | None, parent: Function | None) -> None:
        function = Function(node, cls, parent)
        self.all_functions.append(function)
        if cls is not None:
            cls.methods[node.name] = function
        elif parent is not None:
            parent.nested[node.name] = function
        else:
            self.functions[node.name] = function
        self._collect(node, None, function)


def plain_base(base: ast.expr) -> ast.expr:
    """Return a base class without its type parameters."""
    return base.value if isinstance(base, ast.Subscript) else base


def imported_names(tree: ast.Module, module: str) -> dict[str, str]:
    """Return each imported name with its dotted origin, relative ones with their dots."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            source = source_module(node, module)
            for alias in node.names:
                names[alias.asname or alias.name] = joined(source, alias.name)
    return names


def source_module(node: ast.ImportFrom, module: str) -> str:
    """Return the dotted module of a `from` import, absolute where the own name is known."""
    parents = module.split(".")[: -node.level] if node.level else []
    if node.level and not parents:
        return "." * node.level + (node.module or "")
    return ".".join([*parents, node.module] if node.module else parents)


def joined(source: str, name: str) -> str:
    """Return the dotted name of something in a module; a bare `.` needs no second dot."""
    return source + name if source.endswith(".") else f"{source}.{name}" if source else name


def module_of(path: str) -> str:
    """Return the dotted name of a file, by its path from the folder that holds its package."""
    parts = path.removesuffix(".py").strip("/").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
