"""What the facts about an installation come to: a verdict each, and what to do next (L12).

Pure judgement over facts that others have gathered; `cerebrum-lsp doctor` shows it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "broken", "skipped"]
SLOW_FIRST_TOKEN_S = 5.0  # people have typed on by then
SLOW_TOKENS_PER_S = 2.0  # a line takes longer than to type it
Trouble = Literal["bad-address", "unreachable", "not-a-pool", "wrong-key", "not-started"]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; a sentence on how it is, and one on what to do."""

    name: str
    verdict: Verdict
    finding: str
    next_step: str | None = None


@dataclass(frozen=True)
class Place:
    """The folder by which processes of one user find each other; `mode` as in 0o700."""

    path: str
    mode: int
    is_mine: bool
    stale_file: str | None = None


@dataclass(frozen=True)
class Found:
    """The pool that was looked for; `trouble` is why it can't be used, with what was heard."""

    url: str | None
    is_local: bool
    trouble: Trouble | None = None
    heard: str = ""


@dataclass(frozen=True)
class Node:
    """One node, as the pool tells of it."""

    name: str
    state: str
    is_resting: bool = False
    reason: str | None = None
    model: str | None = None
    fills_in: bool | None = None


@dataclass(frozen=True)
class Trial:
    """A completion that was asked for; `error` if none came."""

    error: str | None = None
    first_token_s: float | None = None
    tokens_per_s: float | None = None


@dataclass(frozen=True)
class Engine:
    """The engine on this machine: what importing it said, and who computes with how many threads.

    `threads` by where that is set.
    """

    import_error: str | None
    cores: int
    threads: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Editor:
    """An editor: one that is installed, or (`is_session`) the last one that we talked to."""

    name: str
    version: tuple[int, ...] = ()
    is_session: bool = False
    has_inline_completion: bool | None = None


def check_place(place: Place) -> list[Check]:
    """Judge the runtime folder and what lies in it."""
    if not place.is_mine or place.mode & 0o022:
        finding = f"{place.path} belongs to another user or others can write to it."
        step = f"Remove it, or `chmod 700 {place.path}`, or set CEREBRUM_RUNTIME_DIR."
        return [Check("runtime folder", "broken", finding, step)]
    checks = [Check("runtime folder", "ok", f"{place.path} is yours alone.")]
    if place.stale_file is not None:
        finding = f"{place.stale_file} names a pool that does not answer; it will be replaced."
        step = f"Nothing, unless it comes again and again: then `rm {place.stale_file}`."
        checks.append(Check("runtime file", "warning", finding, step))
    return checks


def check_pool(pool: Found) -> Check:
    """Judge whether the pool can be spoken to."""
    what = "the local pool" if pool.is_local else f"the pool at {pool.url}"
    match pool.trouble:
        case None:
            return Check("pool", "ok", f"{what[0].upper()}{what[1:]} answers.")
        case "bad-address":
            finding = f"CEREBRUM_ORCHESTRATOR_URL is no address: {pool.heard}."
            step = "Set it to something like http://192.168.1.5:7000, or unset it."
        case "unreachable":
            finding = f"Nobody answers for {what} ({pool.heard})."
            step = (
                "See that cerebrum-orchestrator runs on that machine, listens on that address and "
                "port (not on 127.0.0.1 only), and that no firewall is between."
            )
        case "not-a-pool":
            finding = f"Something answers at {pool.url}, but it is no Cerebrum pool ({pool.heard})."
            step = "Check the port in CEREBRUM_ORCHESTRATOR_URL; the default is 7000."
        case "wrong-key":
            finding = f"{what[0].upper()}{what[1:]} does not accept the key ({pool.heard})."
            step = "Set CEREBRUM_ORCHESTRATOR_KEY to the key with which the orchestrator runs."
        case "not-started":
            finding = f"The local pool does not start: {pool.heard}."
            step = "Read the log that it names; then `cerebrum-lsp doctor` again."
    return Check("pool", "broken", finding, step)


def check_nodes(nodes: Sequence[Node]) -> list[Check]:
    """Judge the nodes: one that can serve is enough, but each trouble is told."""
    if not nodes:
        step = "Name one: `cerebrum-orchestrator serve --node http://HOST:9000`."
        return [Check("nodes", "broken", "The pool has no node.", step)]
    serves = any(_serves(node) for node in nodes)
    return [_check_node(node, "warning" if serves else "broken") for node in nodes]


def check_models(nodes: Iterable[Node]) -> list[Check]:
    """Judge whether the models can complete in the middle of code."""
    checks = []
    for node in nodes:
        if node.model is None or node.fills_in is None:
            continue
        name = f"model {node.model}"
        if node.fills_in:
            checks.append(Check(name, "ok", "It fills in the middle of code."))
            continue
        finding = (
            f"{node.name} serves {node.model}, which has no fill-in-the-middle tokens: it does not "
            "see the code after the cursor as such, and its completions are poor."
        )
        step = "Choose a model for code, say qwen2.5-coder: CEREBRUM_MODEL on that node."
        checks.append(Check(name, "warning", finding, step))
    return checks


def check_trial(trial: Trial | None) -> Check:
    """Judge one completion."""
    if trial is None:
        return Check("completion", "skipped", "There is no pool to ask.")
    if trial.error is not None:
        step = "Mend what is broken above; `cerebrum-lsp try` shows a completion step by step."
        return Check("completion", "broken", f"None came: {trial.error}.", step)
    speed = f", {trial.tokens_per_s:.0f} tokens/s" if trial.tokens_per_s else ""
    finding = f"One came; first token after {trial.first_token_s or 0:.1f} s{speed}."
    is_slow = (trial.first_token_s or 0) > SLOW_FIRST_TOKEN_S
    if is_slow or (trial.tokens_per_s or SLOW_TOKENS_PER_S) < SLOW_TOKENS_PER_S:
        step = "A smaller model is faster; `cerebrum-node tune` says what suits the machine."
        return Check("completion", "warning", finding, step)
    return Check("completion", "ok", finding)


def check_engine(engine: Engine, *, needed: bool) -> list[Check]:
    """Judge the engine of this machine; where none is `needed`, nothing of it is broken."""
    bad: Verdict = "broken" if needed else "warning"
    checks = [Check("engine", "ok", "llama.cpp can be loaded.")]
    if engine.import_error is not None:
        finding = f"llama.cpp can't be loaded: {engine.import_error}."
        step = "Install Cerebrum again: `pip install --force-reinstall xllamacpp`."
        if "libgomp" in engine.import_error:
            finding = "llama.cpp can't be loaded: the library libgomp is missing."
            step = "Debian, Ubuntu: `apt install libgomp1`. Fedora: `dnf install libgomp`."
        checks = [Check("engine", bad, finding, step)]
    for where, threads in engine.threads:
        if threads >= engine.cores > 1:
            finding = (
                f"{where}: {threads} threads on {engine.cores} cores. As soon as anything else "
                "computes, that is many times slower."
            )
            step = f"Leave it unset, or use {engine.cores - 1}; `cerebrum-node tune` measures it."
            checks.append(Check(f"threads ({where})", "warning", finding, step))
        else:
            finding = f"{where}: {threads} threads on {engine.cores} cores."
            checks.append(Check(f"threads ({where})", "ok", finding))
    return checks


INLINE_SINCE: dict[str, tuple[int, ...]] = {"nvim": (0, 10), "code": (1, 91), "codium": (1, 91)}
"""From which version on an editor shows inline completions, with our plugin or without."""
SHOWN_NAMES = {"nvim": "Neovim", "code": "VS Code", "codium": "VSCodium", "hx": "Helix"}
SHOWN_NAMES |= {"emacs": "Emacs", "vim": "Vim", "kate": "Kate", "zed": "Zed"}


def check_editors(editors: Sequence[Editor]) -> list[Check]:
    """Judge the last session if there was one, and each editor that is installed."""
    if not editors:
        step = "See docs/editors.md for those that work with Cerebrum."
        return [Check("editor", "warning", "No editor that we know was found.", step)]
    return [_check_editor(editor) for editor in editors]


def check_grammars(missing: Sequence[str], total: int) -> Check:
    """Judge the grammars of the languages."""
    if missing:
        finding = f"{len(missing)} of {total} grammars can't be loaded: {', '.join(missing)}."
        step = "Install Cerebrum again: `pip install --force-reinstall cerebrum`."
        return Check("grammars", "warning", finding, step)
    return Check("grammars", "ok", f"All {total} can be loaded.")


def verdict_of(checks: Iterable[Check]) -> Verdict:
    """Return the worst of them."""
    verdicts = {check.verdict for check in checks}
    if "broken" in verdicts:
        return "broken"
    return "warning" if "warning" in verdicts else "ok"


def _serves(node: Node) -> bool:
    return node.state in {"ready", "loading"} and not node.is_resting


def _check_node(node: Node, bad: Verdict) -> Check:
    name = f"node {node.name}"
    heard = f" ({node.reason})" if node.reason else ""
    if node.state == "unauthorized":
        finding = "It does not accept the orchestrator's key."
        step = "Give the orchestrator the node's key: CEREBRUM_NODE_KEY, or its configuration."
        return Check(name, bad, finding, step)
    if node.is_resting:
        finding = f"It failed too often and is left alone for a while{heard}."
        return Check(name, bad, finding, "Read its log; it is tried again by itself.")
    match node.state:
        case "ready":
            return Check(name, "ok", f"It serves {node.model or 'its model'}.")
        case "loading" | "unknown":
            return Check(name, "ok", f"It is loading {node.model or 'its model'}.")
        case "refusing":
            finding = f"It takes no requests now{heard}."
            step = "Wait until the machine has less to do, or give it a smaller model."
            return Check(name, bad, finding, step)
    finding = f"It can't be reached{heard}."
    step = "See that cerebrum-node runs there, and that the orchestrator has its right address."
    return Check(name, bad, finding, step)


def _check_editor(editor: Editor) -> Check:
    name = SHOWN_NAMES.get(editor.name, editor.name)
    version = ".".join(map(str, editor.version))
    who = f"{name} {version}".strip()
    label = "last session" if editor.is_session else f"editor {name}"
    has_inline = editor.has_inline_completion
    since = INLINE_SINCE.get(editor.name)
    if has_inline is None:
        has_inline = since is not None and (not editor.version or editor.version >= since)
    if has_inline:
        return Check(label, "ok", f"{who} shows inline completions.")
    finding = f"{who} has no inline completion: the text comes in its completion menu."
    step = "Nothing, if that suits you; docs/editors.md shows how to set it up."
    if since is not None:
        step = f"Version {'.'.join(map(str, since))} or later shows it in the text as you type."
    return Check(label, "warning", finding, step)
