"""What became of a request, in a sentence for whoever looks at the screen, with the next step."""

SHOWN = "A completion was shown."
EXPLANATIONS = {
    "shown": SHOWN,
    "reused": "A completion was shown, of text that was being written already.",
    "cached": "A completion was shown, of text that had been written before.",
    "superseded": "A newer keystroke took the place of this request.",
    "cancelled": "The editor withdrew the request, as it does when the text changes.",
    "nothing-to-say": "The model had nothing to add here.",
    "deadline": "The pool was not ready in time. Ask by hand, which waits longer, raise "
    "automaticDeadlineMs, or choose a smaller model.",
    "filtered:disabled": "Completions are switched off (setting `enabled`).",
    "filtered:language-disabled": "Completions are switched off for this language (setting "
    "`languages`).",
    "filtered:manual-only": "Completions come only when asked for by hand (setting `trigger`).",
    "filtered:secret-file": "This file is one of those that hold secrets; nothing of it is sent.",
    "circuit-open": "The nodes failed too often and are left alone for a while.",
    "shed:load-shed": "The pool has no room.",
    "failed:no-node": "No node of the pool can be reached. See that one runs: cerebrum-lsp doctor.",
    "failed:no-pool": "The pool does not answer. See what is wrong with it: cerebrum-lsp doctor.",
    "failed:pool-start-failed": "The local pool does not start. See why: cerebrum-lsp doctor.",
    "failed:unauthorized": "The pool does not accept the key in CEREBRUM_ORCHESTRATOR_KEY.",
    "failed:unknown-model": "The pool does not have the model that is selected. Select another.",
}


def explanation_of(outcome: str, message: str = "", again: str | None = None) -> str:
    """Say it; `message` is what the pool said, `again` the time when it can be asked again."""
    parts = [EXPLANATIONS.get(outcome) or _other(outcome)]
    if message:
        parts.append(f"It said: {message.rstrip('.')}.")
    if again is not None:
        parts.append(f"It can be asked again after {again}.")
    return " ".join(parts)


def _other(outcome: str) -> str:
    kind, _, name = outcome.partition(":")
    if kind == "filtered":
        return f"What the model wrote was no good here (filter {name})."
    return f"The pool could not serve it ({name or kind})."


def notice_of(outcome: str, message: str, node: str | None, again: str | None) -> str:
    """Return the words of a diagnostic: what happened, on which node, and when it goes on."""
    what = message or outcome
    where = f" ({node})" if node and node not in what else ""
    next_try = f"; next try after {again}" if again is not None else ""
    return f"No completion: {what}{where}{next_try}."
