"""The daemon's configuration, parsed once: from the environment, and from the client's options.

The address and the key of a pool come from the environment only: a workspace must not be able to
send code elsewhere (L11).
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
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


LanguageId = Annotated[str, Field(min_length=1, max_length=64)]
ANY_LANGUAGE = "*"


class Settings(BaseModel):
    """What a client may set: in its initialization options, and while the daemon runs.

    Camel case there. What only its program can know (the last three) comes with the options.
    """

    model_config = ConfigDict(
        frozen=True, extra="ignore", strict=True, alias_generator=to_camel, validate_by_name=True
    )

    enabled: bool = Field(default=True, description="Whether there are completions at all.")
    languages: dict[LanguageId, bool] = Field(
        default_factory=dict,
        description='Whether there are completions by language; "*" is for those not named.',
    )
    trigger: Literal["automatic", "manual"] = Field(
        default="automatic",
        description="`manual`: only what was asked for by hand is answered.",
    )
    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None, description="The model to ask for; without one the pool decides."
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
        default=4_000,
        ge=100,
        le=200_000,
        description="Text before the cursor that is sent: some 1,300 tokens, which a slow node "
        "reads in half a minute when it reads them anew.",
    )
    suffix_chars: int = Field(
        default=600,
        ge=0,
        le=100_000,
        description="Text after the cursor that is sent: some fifteen lines. Most models read it "
        "anew at each keystroke, since it stands behind what is typed.",
    )
    context_chars: int = Field(
        default=3_000,
        ge=0,
        le=100_000,
        description="Text of other files that is sent at most; a slow pool gets less.",
    )
    workspace_context: bool = Field(
        default=True,
        description="Whether other files of the workspace may be context; not in untrusted ones.",
    )
    read_ahead: bool = Field(
        default=True,
        description="Whether the pool reads the next prompt while nobody needs it, so that the "
        "next completion comes sooner.",
    )
    growing_completions: bool = Field(
        default=False,
        description="Send `cerebrum/inlineCompletionProgress` while a completion grows.",
    )
    completion_items: bool | None = Field(
        default=None,
        description="Whether to offer `textDocument/completion`; by default to clients without "
        "inline completion.",
    )
    completion_items_wait_ms: int = Field(
        default=300,
        ge=0,
        le=5_000,
        description="How long a completion item may keep a client's menu waiting: what comes "
        "later is there when it asks again.",
    )

    def refusal(self, language: str, *, manual: bool) -> str | None:
        """Return why a request is not to be answered (the NAME of `filtered:NAME`, L10), if so."""
        if not self.enabled:
            return "disabled"
        if not self.languages.get(language, self.languages.get(ANY_LANGUAGE, True)):
            return "language-disabled"
        if self.trigger == "manual" and not manual:
            return "manual-only"
        return None
