"""What a new user reads: the walkthrough, and the settings."""

import json
import re

from playwright.async_api import expect

from cerebrum_lsp.config import Settings
from tests.e2e.vscode.conftest import Workplace
from tests.e2e.vscode.programs import ROOT

#: What only the extension itself knows.
CLIENTS_OWN = {"growing_completions", "completion_items", "completion_items_wait_ms"}
MANIFEST = json.loads((ROOT / "editors" / "vscode" / "package.json").read_text())


async def test_the_walkthrough_opens_and_all_its_pictures_are_there(workplace: Workplace) -> None:
    window = workplace.window
    (walkthrough,) = MANIFEST["contributes"]["walkthroughs"]
    for step in walkthrough["steps"]:
        picture = ROOT / "editors" / "vscode" / step["media"]["image"]
        assert picture.read_bytes().startswith(b"\x89PNG"), picture
    await window.command("Cerebrum: Get Started")
    await expect(window.page.get_by_text("Get started with Cerebrum").last).to_be_visible()
    for step in walkthrough["steps"]:
        await expect(window.page.get_by_text(step["title"]).last).to_be_visible()
    await window.picture("walkthrough")
    await window.press("Control+w")


async def test_the_settings_have_descriptions_and_the_pools_address_is_the_machines(
    workplace: Workplace,
) -> None:
    window = workplace.window
    properties = {
        name: value
        for group in MANIFEST["contributes"]["configuration"]
        for name, value in group["properties"].items()
    }
    for name, value in properties.items():
        assert value.get("description") or value.get("markdownDescription"), name
        assert len(value.get("enum", [])) == len(value.get("enumDescriptions", [])), name
    for name in ("cerebrum.pool.url", "cerebrum.server.path"):
        assert properties[name]["scope"] == "machine", "no workspace can set it"
    assert not [name for name in properties if "key" in name], "a key is no setting"
    ours = Settings().model_dump(by_alias=True, exclude=CLIENTS_OWN)
    told = {name.removeprefix("cerebrum."): value["default"] for name, value in properties.items()}
    assert {name: told.get(name) for name in ours} == ours, "VS Code sends its defaults, too"
    await window.command("Cerebrum: Open Settings")
    editor = window.page.locator(".settings-editor")
    await expect(editor.get_by_text("Offer completions.").first).to_be_visible()
    await window.type(" pool.")
    await editor.get_by_text(re.compile("^Remote")).click()  # where the machine's own settings are
    await expect(editor.get_by_text("Address of your orchestrator").first).to_be_visible()
    await window.picture("settings")
    await window.press("Control+w")
