"""Configurations as `docs/editors.md` gives them to users, so that what is written is what runs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "editors.md"


def configuration(editor: str, language: str) -> str:
    """Return the first block of code in `language` below the heading that begins with `editor`."""
    found = re.search(
        rf"^## {editor}\b.*?^```{language}\n(?P<code>.*?)^```",
        PAGE.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert found, f"{PAGE} has no {language} for {editor}"
    assert "\n## " not in found.group(), f"{PAGE} has no {language} for {editor}"
    return found.group("code")
