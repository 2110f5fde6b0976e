"""The daemon's configuration, parsed once: from the environment, and from the client's options.

The address and the key of a pool come from the environment only: a workspace must not be able to
send code elsewhere (L11).
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cerebrum_lsp.errors import SettingsError

URL_ENV = "CEREBRUM_ORCHESTRATOR_URL"
KEY_ENV = "CEREBRUM_ORCHESTRATOR_KEY"


class PoolAddress(BaseModel):
    """A pool that somebody runs already."""

    model_config = ConfigDict(frozen=True)

    url: str
    key: str | None = None


def remote_pool(environment: Mapping[str, str]) -> PoolAddress | None:
    """Return the pool that the environment names, None for this user's own local one.

    Raises SettingsError for an address that is not one of HTTP.
    """
    url = environment.get(URL_ENV, "").strip()
    if not url:
        return None
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{URL_ENV} must begin with http:// or https://, got {url!r}")
    return PoolAddress(url=url.rstrip("/"), key=environment.get(KEY_ENV) or None)


class Settings(BaseModel):
    """What a client may set in its initialization options (camel case there)."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, alias_generator=to_camel, validate_by_name=True
    )

    growing_completions: bool = Field(
        default=False,
        description="Send `cerebrum/inlineCompletionProgress` while a completion grows.",
    )
    max_tokens: int = Field(
        default=96,
        ge=1,
        le=2048,
        description="Tokens of one completion: about ten lines, more is seldom taken whole.",
    )
    automatic_deadline_ms: int = Field(
        default=8_000,
        ge=100,
        description="A completion that nobody asked for is not worth a longer wait.",
    )
    manual_deadline_ms: int = Field(
        default=60_000,
        ge=100,
        description="A completion that was asked for may take as long as a slow node needs.",
    )
    prefix_chars: int = Field(
        default=6_000,
        ge=100,
        le=200_000,
        description="Text before the cursor that is sent: about 2,000 tokens, a node cuts to fit.",
    )
    suffix_chars: int = Field(
        default=2_000,
        ge=0,
        le=100_000,
        description="Text after the cursor that is sent: a third of the prefix, as it helps less.",
    )


def parse_settings(options: object) -> Settings:
    """Read the client's initialization options; raises SettingsError, which names what is wrong."""
    if options is None:
        return Settings()
    try:
        return Settings.model_validate(options)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(step) for step in each['loc'])}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(f"settings ignored ({wrong})") from error
