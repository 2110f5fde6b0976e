"""What a client can do with code actions, read once from its capabilities."""

from dataclasses import dataclass

from lsprotocol import types

ASKS = "asksForInstructions"


@dataclass(frozen=True)
class Abilities:
    """Each is false for a client that doesn't speak of it."""

    takes_literals: bool = False
    """Takes code actions, and not only commands."""
    resolves_edits: bool = False
    """Asks for the edit when the action is chosen, and gives our data back."""
    applies_edits: bool = False
    """Applies an edit that the server sends."""
    takes_versions: bool = False
    """Checks an edit against the document's version."""
    takes_annotations: bool = False
    """Shows what an edit says of itself, and asks before it applies one that wants to be confirmed.
    """
    creates_files: bool = False
    shows_progress: bool = False
    asks_for_words: bool = False
    """Has the command `cerebrum.askInstruction`, which asks the user what is to be done."""

    @property
    def offers_any(self) -> bool:
        """Whether there is a way to get an edit to this client."""
        return self.applies_edits or (self.takes_literals and self.resolves_edits)


def abilities_of(capabilities: types.ClientCapabilities, options: object) -> Abilities:
    """Read a client's capabilities, and what it says in its initialization options."""
    document = capabilities.text_document or types.TextDocumentClientCapabilities()
    workspace = capabilities.workspace or types.WorkspaceClientCapabilities()
    actions = document.code_action or types.CodeActionClientCapabilities()
    edits = workspace.workspace_edit or types.WorkspaceEditClientCapabilities()
    resolved = actions.resolve_support.properties if actions.resolve_support else ()
    window = capabilities.window
    return Abilities(
        takes_literals=actions.code_action_literal_support is not None,
        resolves_edits="edit" in resolved and bool(actions.data_support),
        applies_edits=bool(workspace.apply_edit),
        takes_versions=bool(edits.document_changes),
        takes_annotations=bool(edits.document_changes)
        and edits.change_annotation_support is not None
        and (bool(actions.honors_change_annotations) or not actions.resolve_support),
        creates_files=types.ResourceOperationKind.Create in (edits.resource_operations or ())
        and edits.change_annotation_support is not None,
        shows_progress=bool(window and window.work_done_progress),
        asks_for_words=isinstance(options, dict) and options.get(ASKS) is True,
    )
