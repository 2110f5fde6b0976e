"""What a client has set so far: layers of raw settings, each checked when it comes.

defaults < initialization options < what was configured since < commands of this session
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from cerebrum_lsp.config import Settings

SECTION = "cerebrum"
NO_OBJECT = "the settings are no object of names and values; the last good ones stay"


@dataclass(frozen=True)
class Checked:
    """Settings that can be used, and what was wrong with those that were asked for."""

    settings: Settings
    problems: tuple[str, ...] = ()


class Preferences:
    """The settings of one client; `current` is what counts now."""

    def __init__(self) -> None:
        self.current = Settings()
        self._given = Settings()
        self._options: dict[str, Any] = {}
        self._configured: dict[str, Any] = {}
        self._session = Session()
        self._told: tuple[str, ...] = ()

    def take_options(self, options: object) -> tuple[str, ...]:
        """Take in the initialization options; return what is wrong with them, in words."""
        return self._take(options, self._options)

    def take_configuration(self, configured: object) -> tuple[str, ...]:
        """Take in what is configured now; return what is newly wrong with it, in words."""
        return self._take(configured, self._configured)

    def enable(self, enabled: bool | None, language: str | None = None) -> None:
        """Switch completions, or those of a language, for this session; None: as configured."""
        if language is None:
            self._session.enabled = enabled
        elif enabled is None:
            self._session.languages.pop(language, None)
        else:
            self._session.languages[language] = enabled
        self.current = self._session.over(self._given)

    def select_model(self, model: str | None) -> None:
        """Ask for this model in this session; None: let the pool decide."""
        self._session.model, self._session.has_model = model, True
        self.current = self._session.over(self._given)

    def _take(self, given: object, layer: dict[str, Any]) -> tuple[str, ...]:
        problems: tuple[str, ...] = ()
        fields = as_fields(given)
        if fields is None:
            problems = (NO_OBJECT,)
        else:
            layer.clear()
            layer.update(fields)
        checked = revised(self._given, {**self._options, **self._configured})
        self._given = checked.settings
        self.current = self._session.over(self._given)
        told, self._told = self._told, problems + checked.problems
        return tuple(problem for problem in self._told if problem not in told)


@dataclass
class Session:
    """What commands have set, over everything that is configured, until the daemon ends."""

    enabled: bool | None = None
    languages: dict[str, bool] = field(default_factory=dict)
    model: str | None = None
    has_model: bool = False

    def over(self, settings: Settings) -> Settings:
        """Return the settings with what this session wants."""
        changes: dict[str, object] = {"languages": {**settings.languages, **self.languages}}
        if self.enabled is not None:
            changes["enabled"] = self.enabled
        if self.has_model:
            changes["model"] = self.model
        return settings.model_copy(update=changes)


def revised(last: Settings, raw: Mapping[str, object]) -> Checked:
    """Read raw settings; one that is wrong keeps its `last` good value, and is named."""
    try:
        return Checked(Settings.model_validate(dict(raw)))
    except ValidationError as error:
        wrong = {
            str(each["loc"][0]): f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        }
    kept = {name: getattr(last, to_snake(name)) for name in wrong}
    settings = Settings.model_validate({**raw, **kept})
    return Checked(
        settings, tuple(f"{words}; the last good value stays" for words in wrong.values())
    )


def as_fields(given: object) -> dict[str, Any] | None:
    """Return the settings that are set, by name; None for what can't be settings.

    Clients that push wrap them in the section's name.
    """
    if isinstance(given, Mapping) and SECTION in given:
        given = given[SECTION]
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return None
    return {str(name): value for name, value in given.items() if value is not None}
