"""VS Code asks for code actions wherever the cursor rests: from that the daemon knows the place."""

from tests.e2e.processes import eventually
from tests.e2e.vscode.conftest import Workplace
from tests.e2e.vscode.test_completions import is_for
from tests.fakes import behaviours

MANY = "".join(f"def function_{number}(first):\n    return first\n\n\n" for number in range(20))


async def test_where_the_cursor_rests_the_pool_is_asked_to_read(workplace: Workplace) -> None:
    window, node = workplace.window, workplace.node
    await window.open(workplace.server.workspace / "ahead.py", f"{MANY}last =")
    node.behaviour = behaviours.ok([])
    await window.type(" ")
    await window.press("ControlOrMeta+Home")

    async def is_asked() -> bool:
        return any(
            asked.purpose == "pre-evaluate" and asked.infill and not asked.infill.prefix
            for asked in node.requests
            if is_for("ahead.py", asked)
        )

    await eventually(is_asked, "the beginning of the file to be read ahead")
