"""What the doctor makes of the facts: a verdict, a finding, and what to do next."""

import json
from pathlib import Path

import pytest

from cerebrum_lsp.core.checkup import (
    Check,
    Editor,
    Engine,
    Found,
    Node,
    Place,
    Trial,
    Verdict,
    check_editors,
    check_engine,
    check_grammars,
    check_models,
    check_nodes,
    check_place,
    check_pool,
    check_trial,
    verdict_of,
)
from cerebrum_lsp.doctor.editors import last_session
from cerebrum_lsp.doctor.view import as_json

URL = "http://pi:7000"
READY = Node("vps", "ready", model="coder")


def check(found: list[Check], verdict: Verdict, says: str, step: str | None) -> None:
    """The worst of the checks has this verdict, says this, and names this next step."""
    assert verdict_of(found) == verdict
    worst = next(each for each in found if each.verdict == verdict)
    assert says in worst.finding
    if step is None:
        assert worst.next_step is None
    else:
        assert step in (worst.next_step or "")


@pytest.mark.parametrize(
    ("pool", "verdict", "says", "step"),
    [
        (Found(URL, is_local=False), "ok", URL, None),
        (Found(None, False, "bad-address", "x"), "broken", "no address", "http://"),
        (Found(URL, False, "unreachable", "refused"), "broken", "Nobody answers", "firewall"),
        (Found(URL, False, "not-a-pool", "status 200"), "broken", "no Cerebrum pool", "port"),
        (
            Found(URL, False, "wrong-key", "the key is wrong"),
            "broken",
            "does not accept the key",
            "CEREBRUM_ORCHESTRATOR_KEY",
        ),
        (Found(None, True, "not-started", "see the log"), "broken", "does not start", "log"),
    ],
)
def test_the_pool(pool: Found, verdict: Verdict, says: str, step: str | None) -> None:
    check([check_pool(pool)], verdict, says, step)


@pytest.mark.parametrize(
    ("nodes", "verdict", "says", "step"),
    [
        ([READY], "ok", "serves coder", None),
        ([], "broken", "no node", "--node"),
        ([Node("pi", "unreachable")], "broken", "can't be reached", "cerebrum-node runs"),
        ([Node("pi", "unreachable"), READY], "warning", "can't be reached", "address"),
        ([Node("pi", "unauthorized")], "broken", "orchestrator's key", "CEREBRUM_NODE_KEY"),
        ([Node("pi", "refusing", reason="cpu-busy")], "broken", "cpu-busy", "Wait"),
        ([Node("pi", "ready", is_resting=True)], "broken", "failed too often", "log"),
        ([Node("pi", "loading", model="m")], "ok", "loading m", None),
    ],
)
def test_the_nodes(nodes: list[Node], verdict: Verdict, says: str, step: str | None) -> None:
    check(check_nodes(nodes), verdict, says, step)


def test_a_model_that_cannot_fill_in_is_named() -> None:
    chatty = Node("pi", "ready", model="chatty", fills_in=False)
    check(check_models([chatty, READY]), "warning", "no fill-in-the-middle", "qwen2.5-coder")
    assert check_models([READY]) == [], "what is not known is not judged"


@pytest.mark.parametrize(
    ("engine", "verdict", "says", "step"),
    [
        (Engine(None, 4), "ok", "can be loaded", None),
        (
            Engine("libgomp.so.1: cannot open shared object file", 4),
            "broken",
            "libgomp is missing",
            "apt install libgomp1",
        ),
        (Engine("No module named 'xllamacpp'", 4), "broken", "No module", "pip install"),
        (Engine(None, 4, (("X", 4),)), "warning", "X: 4 threads on 4 cores", "use 3"),
        (Engine(None, 4, (("X", 8),)), "warning", "8 threads", "use 3"),
        (Engine(None, 4, (("X", 3),)), "ok", "can be loaded", None),
        (Engine(None, 1, (("X", 1),)), "ok", "can be loaded", None),
    ],
)
def test_the_engine(engine: Engine, verdict: Verdict, says: str, step: str | None) -> None:
    check(check_engine(engine, needed=True), verdict, says, step)


def test_an_engine_that_is_not_needed_here_breaks_nothing() -> None:
    assert verdict_of(check_engine(Engine("libgomp", 4), needed=False)) == "warning"


@pytest.mark.parametrize(
    ("editor", "verdict", "says"),
    [
        (Editor("nvim", (0, 12, 0)), "ok", "Neovim 0.12.0"),
        (Editor("nvim", (0, 9, 5)), "warning", "no inline completion"),
        (Editor("code", (1, 95)), "ok", "VS Code"),
        (Editor("emacs", (30, 1)), "warning", "completion menu"),
        (Editor("eglot", (), is_session=True, has_inline_completion=False), "warning", "eglot"),
        (Editor("mine", (), is_session=True, has_inline_completion=True), "ok", "mine"),
    ],
)
def test_the_editors(editor: Editor, verdict: Verdict, says: str) -> None:
    (found,) = check_editors([editor])
    assert (found.verdict, says in found.finding) == (verdict, True)


def test_no_editor_at_all() -> None:
    check(check_editors([]), "warning", "No editor", "docs/editors.md")


@pytest.mark.parametrize(
    ("trial", "verdict", "says"),
    [
        (None, "skipped", "no pool"),
        (Trial("the pool has no room"), "broken", "no room"),
        (Trial(None, 0.2, 30.0), "ok", "0.2 s, 30 tokens/s"),
        (Trial(None, 9.0, 30.0), "warning", "9.0 s"),
        (Trial(None, 0.2, 1.0), "warning", "1 tokens/s"),
    ],
)
def test_a_completion(trial: Trial | None, verdict: Verdict, says: str) -> None:
    found = check_trial(trial)
    assert (found.verdict, says in found.finding) == (verdict, True)


@pytest.mark.parametrize(
    ("place", "verdict", "says"),
    [
        (Place("/run/c", 0o700, is_mine=True), "ok", "yours alone"),
        (Place("/run/c", 0o777, is_mine=True), "broken", "others can write"),
        (Place("/run/c", 0o700, is_mine=False), "broken", "another user"),
        (Place("/run/c", 0o700, True, "/run/c/pool.json"), "warning", "does not answer"),
    ],
)
def test_the_runtime_folder(place: Place, verdict: Verdict, says: str) -> None:
    step = {"ok": None, "warning": "rm /run/c/pool.json", "broken": "chmod 700 /run/c"}[verdict]
    check(check_place(place), verdict, says, step)


def test_grammars() -> None:
    assert check_grammars([], 24).verdict == "ok"
    assert "go" in check_grammars(["go"], 24).finding


def test_the_report_for_programs() -> None:
    checks = [Check("a", "ok", "fine"), Check("b", "warning", "so so", "do this")]
    assert json.loads(as_json(checks)) == {
        "verdict": "warning",
        "checks": [
            {"name": "a", "verdict": "ok", "finding": "fine", "next_step": None},
            {"name": "b", "verdict": "warning", "finding": "so so", "next_step": "do this"},
        ],
    }


def test_the_editor_of_the_last_session_is_read_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "cerebrum-lsp.log"
    assert last_session(log) is None
    stamp = "2026-01-01 00:00:00 INFO    "
    log.write_text(
        f"{stamp}session.began client=Neovim version=0.12.1 inline_completion=True\n"
        f'{stamp}session.began client="Visual Studio Code" version=1.95.2 inline_completion=True\n'
        f"{stamp}session.began client=eglot inline_completion=False\n"
        f"{stamp}pool.state before=loading now=ready\n"
    )
    assert last_session(log) == Editor("eglot", (), True, False)
    log.write_text("\n".join(log.read_text().splitlines()[:2]))
    assert last_session(log) == Editor("Visual Studio Code", (1, 95, 2), True, True)
