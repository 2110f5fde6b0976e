"""What a workspace's index knows of the things that a Python file imports: which are async."""

from collections.abc import Iterator

from cerebrum_lsp.core.async_refactor import Facts, module_of
from cerebrum_lsp.core.index import Index, Place
from orchestrator.retrieval.syntax import Import
from orchestrator.retrieval.syntax.structure import CALLABLES

OPTIONAL_LIBRARIES = frozenset({"aiofiles"})
"""Replacements that are chosen only where the workspace uses the library already."""


def facts_of(index: Index, path: str) -> Facts:
    """Return what is known of a file's imports, under the names that the file has for them.

    What is re-exported counts under the module that it is imported from. Of files whose text the
    index had to drop, nothing is known.
    """
    module = module_of(path)
    source = index.sources.get(path)
    found, twins = set[str](), dict[str, str]()
    for imported in source.outline.imports if source else ():
        origin = _origin(imported, module)
        for place in index.resolve(path, "python", imported):
            found |= set(_async_names(index, place, origin))
            for twin in _twins(index, path, imported, place):
                twins[origin] = f"{origin.rpartition('.')[0]}.{index.definition(twin).name}"
                found |= set(_async_names(index, twin, twins[origin]))
        file = index.module_of(path, "python", imported)
        for place in index.exported(file) if file else ():
            name = index.definition(place).name
            found |= set(_async_names(index, place, f"{origin}.{name}"))
    return Facts(module, frozenset(found), twins, _libraries(index))


def _origin(imported: Import, module: str) -> str:
    """Return the dotted name of what is imported, as the rules write it."""
    parents = module.split(".")[: -imported.level] if imported.level else []
    return ".".join(filter(None, [*parents, imported.module, imported.name]))


def _async_names(index: Index, place: Place, dotted: str) -> Iterator[str]:
    """Yield a function's name if it is async, of a class those of its async methods."""
    if _is_async(index, place):
        yield dotted
    if index.definition(place).kind == "class":
        for member in index.members(place):
            if _is_async(index, member):
                yield f"{dotted}.{index.definition(member).name}"


def _is_async(index: Index, place: Place) -> bool:
    if index.definition(place).kind not in CALLABLES:
        return False
    return index.sources[place.path].header(place.number).text.lstrip().startswith("async ")


def _twins(index: Index, path: str, imported: Import, place: Place) -> Iterator[Place]:
    """Yield the class `AsyncX` that the module has beside the class `X` that is imported."""
    definition = index.definition(place)
    if definition.kind != "class" or definition.name.startswith("Async"):
        return
    for file in index.modules.find(path, "python", imported)[:1]:
        for twin in index.member_of_module(file, f"Async{definition.name}")[:1]:
            if any(_is_async(index, member) for member in index.members(twin)):
                yield twin


def _libraries(index: Index) -> frozenset[str]:
    """Return the optional libraries that some file of the workspace imports."""
    imported = (each.module for source in index.sources.values() for each in source.outline.imports)
    return OPTIONAL_LIBRARIES & {module.partition(".")[0] for module in imported}
