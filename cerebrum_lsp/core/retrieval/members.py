"""Members of the classes in play: of the class around the cursor, of what variables hold."""

from cerebrum_lsp.core.index import Place
from cerebrum_lsp.core.retrieval.found import Found
from cerebrum_lsp.core.retrieval.types import CLASS_KINDS, Types, base_names_of

RECEIVERS = 24


def note_members(found: Found) -> None:
    """Note what may stand behind the next dot."""
    types = Types(found.index, found.situation, found.scope)
    for place, weight in _own_bases(found, types):
        _note_members(found, types, place, "of_self", weight)
    for name in _receivers(found, types):
        near = found.near(name)
        for place in types.of(name):
            _note_members(found, types, place, "of_receiver", 0.3 + 0.7 * near)
            found.note(place, "type_of_receiver", near)
    for place, signals in list(found.signals.items()):
        if "imported" in signals and found.index.definition(place).kind in CLASS_KINDS:
            weight = 0.2 + 0.8 * found.near(found.name(place))
            _note_members(found, types, place, "of_imported", weight)


def _own_bases(found: Found, types: Types) -> list[tuple[Place, float]]:
    """Return the bases of the class around the cursor, by the text before it alone."""
    situation = found.situation
    bases: list[tuple[Place, float]] = []
    pending = [(text, 1.0) for _, text in situation.enclosing if "class " in text][:1]
    headers = {
        each.name: situation.lines[each.head_line - 1]
        for each in situation.outline.definitions
        if each.kind in CLASS_KINDS and each.head_line <= len(situation.lines)
    }
    seen: set[str] = set()
    while pending:
        text, weight = pending.pop()
        for name in base_names_of(text.partition("class ")[2]):
            if name in seen:
                continue
            seen.add(name)
            if name in headers:
                pending.append((headers[name], weight * 0.9))
            else:
                for place in types.classes_named(name)[:1]:
                    bases += [(each, weight) for each in types.with_bases(place)]
    return bases


def _receivers(found: Found, types: Types) -> list[str]:
    situation = found.situation
    near = [name for name in situation.distance if name in types.of_name]
    inside = [
        name
        for name in types.of_name
        if name in situation.function_words and name not in situation.distance
    ]
    return (near + inside)[:RECEIVERS]


def _note_members(
    found: Found, types: Types, place: Place, signal: str, weight: float, *, is_chain: bool = False
) -> None:
    """Note the members of a class and its bases; and of what near members hold, one step deep."""
    distance = found.situation.distance
    for depth, each in enumerate(types.with_bases(place)):
        definitions = found.index.sources[each.path].outline.definitions
        value = weight * 0.9**depth
        for member in found.index.members(each):
            name = definitions[member.number].name
            if name.startswith("__"):
                continue
            found.note(member, signal, value)
            if not is_chain and name in distance:
                for inner in types.of_member(member)[:2]:
                    _note_members(found, types, inner, "of_chain", found.near(name), is_chain=True)
