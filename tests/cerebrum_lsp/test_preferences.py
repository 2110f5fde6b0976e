"""What a client sets, in which layer, and what becomes of values that can't be used."""

from typing import Any

import pytest

from cerebrum_lsp.config import Settings
from cerebrum_lsp.preferences import Preferences


def test_options_in_camel_case_become_settings_and_unknown_ones_are_ignored() -> None:
    preferences = Preferences()
    given = {"growingCompletions": True, "maxTokens": 7, "colour": "red", "model": None}
    assert preferences.take_options(given) == ()
    assert preferences.current == Settings(growing_completions=True, max_tokens=7)


@pytest.mark.parametrize("options", [None, {}])
def test_no_options_are_the_defaults(options: object) -> None:
    preferences = Preferences()
    assert preferences.take_options(options) == ()
    assert preferences.current == Settings()


def test_what_is_configured_goes_over_the_options_and_what_is_unset_falls_back_to_them() -> None:
    preferences = Preferences()
    preferences.take_options({"maxTokens": 7, "prefixChars": 500})
    preferences.take_configuration({"cerebrum": {"maxTokens": 9}})
    assert (preferences.current.max_tokens, preferences.current.prefix_chars) == (9, 500)
    preferences.take_configuration({"maxTokens": None})
    assert preferences.current.max_tokens == 7


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"maxTokens": "many"}, "maxTokens: Input should be a valid integer"),
        ({"maxTokens": 0}, "maxTokens: Input should be greater than or equal to 1"),
        ({"maxTokens": True}, "maxTokens: Input should be a valid integer"),
        ({"enabled": "yes"}, "enabled: Input should be a valid boolean"),
        ({"trigger": "never"}, "trigger: Input should be 'automatic' or 'manual'"),
        ({"languages": {"go": "no"}}, "languages.go: Input should be a valid boolean"),
        ({"languages": []}, "languages: Input should be a valid dictionary"),
        ({"model": ""}, "model: String should have at least 1 character"),
        ([], "the settings are no object"),
        ({"cerebrum": 7}, "the settings are no object"),
    ],
)
def test_a_wrong_value_is_named_once_and_the_last_good_one_stays(wrong: Any, named: str) -> None:
    preferences = Preferences()
    good = {"maxTokens": 7, "enabled": False, "languages": {"c": False}, "model": "m"}
    preferences.take_configuration(good)
    before = preferences.current
    is_one = isinstance(wrong, dict) and "cerebrum" not in wrong
    (problem,) = preferences.take_configuration({**good, **wrong} if is_one else wrong)
    assert problem.startswith(named)
    assert "stay" in problem
    assert preferences.current == before


def test_a_wrong_value_does_not_keep_the_others_from_counting() -> None:
    preferences = Preferences()
    (problem,) = preferences.take_configuration({"maxTokens": -1, "enabled": False})
    assert problem.startswith("maxTokens")
    assert preferences.current == Settings(enabled=False)


def test_a_problem_is_told_again_only_after_it_was_mended() -> None:
    preferences = Preferences()
    wrong, right = {"maxTokens": 0}, {"maxTokens": 1}
    told = [len(preferences.take_configuration(each)) for each in (wrong, wrong, right, wrong)]
    assert told == [1, 0, 0, 1]


def test_commands_of_the_session_go_over_everything_that_is_configured() -> None:
    preferences = Preferences()
    preferences.take_configuration({"model": "m", "languages": {"go": False}})
    preferences.enable(True, "go")
    preferences.enable(False, "c")
    preferences.select_model("other")
    preferences.take_configuration({"model": "m", "languages": {"go": False, "lua": False}})
    assert preferences.current.model == "other"
    assert preferences.current.languages == {"go": True, "c": False, "lua": False}
    preferences.enable(None, "go")
    preferences.enable(False)
    assert (preferences.current.enabled, preferences.current.languages["go"]) == (False, False)
    preferences.enable(None)
    preferences.select_model(None)
    assert preferences.current.enabled
    assert preferences.current.model is None


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://evil", "orchestratorUrl": "http://evil", "key": "k"},
        {"pool": {"url": "http://evil", "key": "k"}, "CEREBRUM_ORCHESTRATOR_URL": "http://evil"},
    ],
)
def test_no_setting_can_redirect_code_elsewhere(options: dict[str, object]) -> None:
    preferences = Preferences()
    preferences.take_options(options)
    preferences.take_configuration({"cerebrum": options})
    assert preferences.current == Settings()
