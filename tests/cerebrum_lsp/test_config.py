import pytest

from cerebrum_lsp.config import PoolAddress, Settings, parse_settings, remote_pool
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


def test_options_in_camel_case_become_settings_and_unknown_ones_are_ignored() -> None:
    settings = parse_settings({"growingCompletions": True, "maxTokens": 7, "colour": "red"})
    assert settings == Settings(growing_completions=True, max_tokens=7)


@pytest.mark.parametrize("options", [None, {}])
def test_no_options_are_the_defaults(options: object) -> None:
    assert parse_settings(options) == Settings()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"maxTokens": "many"}, "maxTokens"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"growingCompletions": "yes"}, "growingCompletions"),
        ([], "valid dictionary"),
    ],
)
def test_wrong_options_are_named(options: object, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        parse_settings(options)


def test_no_option_can_redirect_code_elsewhere() -> None:
    options = {"url": "http://evil", "orchestratorUrl": "http://evil", "key": "k"}
    assert parse_settings(options) == Settings()
