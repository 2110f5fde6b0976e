"""What the imports of the file bring into scope: definitions, and modules with what they hold."""

from math import log1p

from cerebrum_lsp.core.retrieval.found import Found
from orchestrator.retrieval.syntax import Import


def note_imports(found: Found) -> None:
    """Note what is imported by name, and what imported modules define."""
    situation = found.situation
    for each in situation.imports:
        places = found.index.resolve(situation.path, situation.language, each)
        signal = "star" if each.name == "*" else "imported"
        for place in places:
            name = each.alias or found.index.definition(place).name
            found.scope.setdefault(name, []).append(place)
            found.local_names[place] = name
            found.note(place, signal)
        if not places:
            _note_module(found, each)
    _note_unused(found)


def _note_unused(found: Found) -> None:
    unused = [
        place
        for place, name in found.local_names.items()
        if not found.situation.counts.get(name) and "imported" in found.signals.get(place, ())
    ]
    for place in unused:
        found.note(place, "unused")
        found.note(place, "unused_share", 1.0 / len(unused))


def _note_module(found: Found, imported: Import) -> None:
    situation = found.situation
    name = imported.local_name if imported.name else imported.alias or imported.module
    path = found.index.module_of(situation.path, situation.language, imported)
    if path is None or name is None:
        return
    last = name.rpartition(".")[2]
    near = found.near(last)
    places = found.index.exported(path)
    share = 1.0 / (1 + log1p(len(places)))
    for place in places:
        found.note(place, "of_module", share)
        found.note(place, "of_module_near", near)
        if not situation.counts.get(last, 0):
            found.note(place, "of_unused_module", share)
