import pytest

from cerebrum_lsp.config import PoolAddress, Settings, remote_pool
from cerebrum_lsp.errors import SettingsError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"CEREBRUM_ORCHESTRATOR_URL": " "}, None),
        (
            {"CEREBRUM_ORCHESTRATOR_URL": "http://pi:7000/", "CEREBRUM_ORCHESTRATOR_KEY": "k"},
            PoolAddress(url="http://pi:7000", key="k"),
        ),
        ({"CEREBRUM_ORCHESTRATOR_URL": "https://pi"}, PoolAddress(url="https://pi", key=None)),
    ],
)
def test_the_environment_names_the_pool(
    environment: dict[str, str], expected: PoolAddress | None
) -> None:
    assert remote_pool(environment) == expected


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match="must begin with http"):
        remote_pool({"CEREBRUM_ORCHESTRATOR_URL": "pi:7000"})


@pytest.mark.parametrize(
    ("settings", "language", "manual", "refusal"),
    [
        ({}, "python", False, None),
        ({"enabled": False}, "python", True, "disabled"),
        ({"languages": {"markdown": False}}, "markdown", True, "language-disabled"),
        ({"languages": {"markdown": False}}, "python", False, None),
        ({"languages": {"*": False, "go": True}}, "python", False, "language-disabled"),
        ({"languages": {"*": False, "go": True}}, "go", False, None),
        ({"trigger": "manual"}, "python", False, "manual-only"),
        ({"trigger": "manual"}, "python", True, None),
    ],
)
def test_what_is_switched_off_is_refused(
    settings: dict[str, object], language: str, manual: bool, refusal: str | None
) -> None:
    assert Settings.model_validate(settings).refusal(language, manual=manual) == refusal
