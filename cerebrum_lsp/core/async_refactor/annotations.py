"""The return annotation of a generator that becomes async."""

import libcst as cst

from cerebrum_lsp.core.async_refactor.syntax import code

ASYNC_ANNOTATIONS = {
    f"{module}.{name}": f"{module}.Async{name}"
    for module in ("typing", "collections.abc")
    for name in ("Iterator", "Iterable", "Generator")
}
"""What a generator function says it returns, and what it says when it is async."""


def async_annotation(annotation: cst.Annotation, origin: str) -> tuple[cst.Annotation, str] | None:
    """Return the annotation of the async generator and the import that it needs.

    `origin` is the dotted name of the annotation's outer type; None if it isn't one of a generator.
    """
    if origin not in ASYNC_ANNOTATIONS:
        return None
    module, _, name = ASYNC_ANNOTATIONS[origin].rpartition(".")
    outer = annotation.annotation
    named = outer.value if isinstance(outer, cst.Subscript) else outer
    if isinstance(named, cst.Attribute):
        new: cst.BaseExpression = named.with_changes(attr=cst.Name(name))
        needed = ""
    else:
        new, needed = cst.Name(name), f"from {module} import {name}"
    if isinstance(outer, cst.Subscript):
        new = outer.with_changes(value=new, slice=without_return(outer, name))
    return annotation.with_changes(annotation=new), needed


def without_return(outer: cst.Subscript, name: str) -> list[cst.SubscriptElement]:
    """Return the type parameters; an async generator has none for the value that it returns."""
    elements = list(outer.slice)
    if name != "AsyncGenerator" or len(elements) < 3:
        return elements
    return [elements[0], elements[1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def outer_type(annotation: cst.Annotation) -> str:
    """Return the dotted name of an annotation without its parameters."""
    outer = annotation.annotation
    return code(outer.value if isinstance(outer, cst.Subscript) else outer)
