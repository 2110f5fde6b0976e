"""Configuration, parsed once: command line over environment over file over these defaults."""

from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from cerebrum_kit.http import words_of
from orchestrator.errors import ConfigError
from orchestrator.node_config import Key, NodeConfig
from orchestrator.wire import DEFAULT_PORT, Mode, Tier

LOCAL_NODE = "local"
ENV_PREFIX = "CEREBRUM_ORCHESTRATOR_"


def _also(name: str, *others: str) -> AliasChoices:
    """Return the environment names of a setting: its own, before those of earlier programs."""
    return AliasChoices(f"{ENV_PREFIX}{name.upper()}", *others)


class Config(BaseSettings):
    """All that can be set; the environment names have the prefix `CEREBRUM_ORCHESTRATOR_`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,  # an empty key would open what it is meant to close
        populate_by_name=True,
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_PORT
    key: Key | None = None
    nodes: Annotated[
        tuple[NodeConfig, ...], NoDecode, Field(validation_alias="CEREBRUM_NODES")
    ] = ()
    node_key: Annotated[Key | None, Field(validation_alias="CEREBRUM_NODE_KEY")] = None
    node_ca: Annotated[Path | None, Field(validation_alias="CEREBRUM_NODE_CA")] = Field(
        None,
        description="PEM file of certificates that vouch for nodes at https addresses, beside "
        "those that the system trusts: for certificates of one's own.",
    )
    local: bool = False
    discover: bool = Field(
        False,
        description="Whether nodes that advertise themselves by mDNS join the pool; they need "
        "`node_key` all the same. Needs the extra `discovery`.",
    )

    max_concurrent: Annotated[int, Field(ge=1)] = Field(
        2,
        validation_alias=_also("max_concurrent", "SOLLOL_MAX_CONCURRENT_REQUESTS"),
        description="Requests that run at once: what a small machine decodes without thrashing.",
    )
    parallel_requests: bool = Field(
        True,
        validation_alias=_also("parallel_requests", "SOLLOL_PARALLEL_REQUESTS"),
        description="Off: one request at a time, whatever the other numbers say.",
    )
    max_concurrent_async: Annotated[int, Field(ge=1)] = Field(
        4,
        description="Background requests run while fewer than this many run in all: their reader "
        "does not watch, so that a slower stream each is no loss.",
    )
    max_queued: Annotated[int, Field(ge=0)] = Field(
        8, description="Requests that wait: more would hardly be served before they are stale."
    )
    shed_retry_after_s: Annotated[float, Field(gt=0)] = Field(
        2.0, description="What a refused caller is told: about one short completion."
    )
    ageing_s: Annotated[float, Field(gt=0)] = Field(
        2.0,
        description="Waiting that weighs as much as one step of priority: from 0 to 10 in 20 s, "
        "so that nobody waits for ever.",
    )
    deadline_margin: Annotated[float, Field(ge=0)] = Field(
        0.15, description="Share by which a predicted time may be short of the real one."
    )
    default_mode: Mode = Field(
        "fast",
        validation_alias=_also("default_mode", "SOLLOL_DEFAULT_ROUTING_MODE"),
        description="How requests are routed that don't say: most come from somebody typing.",
    )
    tiers: dict[Tier, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Models of each tier, best first, in place of the built-in lists.",
    )
    breaker_failures: Annotated[int, Field(ge=1)] = Field(
        3, description="Failures in a row that open a breaker: two may be one bad moment."
    )
    breaker_failure_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="Share of the last 20 attempts that opens it: every other one is a fault."
    )
    breaker_cooldown_s: Annotated[float, Field(gt=0)] = Field(
        10.0, description="Until the first probe: an engine restarts and loads in about this time."
    )
    breaker_max_cooldown_s: Annotated[float, Field(gt=0)] = Field(
        300.0, description="Between two probes at the most: a repair is noticed over a coffee."
    )
    hedge_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.05, description="Requests that may be asked of a second node: the load it may add."
    )
    start_wait_s: Annotated[float, Field(gt=0)] = Field(
        30.0,
        description="How long a request without a deadline waits for its turn, and then for a "
        "node that is starting: loading a 7B model from a slow disk takes this long.",
    )
    probe_interval_s: Annotated[float, Field(gt=0)] = Field(
        2.0, description="Between two health probes of a node: a return is noticed within it."
    )
    probe_timeout_s: Annotated[float, Field(gt=0)] = Field(
        5.0, description="A probe without an answer: a busy Pi may need a second or two."
    )
    connect_timeout_s: Annotated[float, Field(gt=0)] = Field(
        2.0, description="To open a connection, by VPN and mobile network too."
    )
    stall_s: Annotated[float, Field(gt=0)] = Field(
        60.0,
        description="Between two events of a node whose speed is not known yet; a long prefill "
        "sends progress.",
    )
    least_stall_s: Annotated[float, Field(gt=0)] = Field(
        10.0,
        description="Between two events of a node that is known to be fast: longer than a machine "
        "swaps or another program takes its cores.",
    )
    vram_monitoring: bool = Field(
        True,
        validation_alias=_also("vram_monitoring", "SOLLOL_VRAM_MONITORING"),
        description="Whether a node's free VRAM counts, where it has any.",
    )
    min_vram_mb: Annotated[int, Field(ge=0)] = Field(
        100,
        validation_alias=_also("min_vram_mb", "SOLLOL_MIN_VRAM_MB"),
        description="Free VRAM below which a GPU counts as full: a driver keeps about this much.",
    )
    reasoning_mode: Literal["auto", "off", "always"] = Field(
        "auto",
        validation_alias=_also("reasoning_mode", "HYDRA_REASONING_MODE"),
        description="When a reasoning model is asked: for what is complex, never, or always.",
    )
    reasoning_model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        None,
        validation_alias=_also("reasoning_model", "HYDRA_REASONING_MODEL"),
        description="Which model reasons; none: the first of the tier `reasoning`.",
    )
    use_reasoning_model: bool = Field(
        True,
        validation_alias=_also("use_reasoning_model", "HYDRA_USE_REASONING_MODEL"),
        description="Off: what would be reasoned about goes to the model that is asked anyway.",
    )
    max_thinking_tokens: Annotated[int, Field(ge=0)] = Field(
        6000,
        validation_alias=_also("max_thinking_tokens", "HYDRA_MAX_THINKING_TOKENS"),
        description="Thinking before an answer: some minutes of a 14B model on a CPU.",
    )
    deep_thinking_threshold: Annotated[float, Field(ge=0, le=10)] = Field(
        9.5,
        validation_alias=_also("deep_thinking_threshold", "HYDRA_DEEP_THINKING_THRESHOLD"),
        description="Complexity, of 10, from which the whole thinking budget may be spent.",
    )
    cache_bytes: Annotated[int, Field(ge=0)] = Field(
        4_000_000,
        description="Memory for answers at temperature 0, some hundreds; 0 keeps none, and shares "
        "none among those who ask the same at the same time.",
    )
    drain_s: Annotated[float, Field(ge=0, lt=5)] = Field(
        4.5, description="For running requests when told to end; below the 5 s of the server."
    )
    linger_s: Annotated[float, Field(ge=0)] = Field(
        600.0, description="A local orchestrator ends this long after its last editor has gone."
    )

    @model_validator(mode="before")
    @classmethod
    def _split_urls(cls, given: Any) -> Any:
        for name in ("nodes", "CEREBRUM_NODES"):
            if isinstance(given, dict) and isinstance(given.get(name), str):
                urls = [url.strip() for url in given[name].split(",") if url.strip()]
                given = {**given, name: urls}
        return given

    @field_validator("node_ca")
    @classmethod
    def _can_vouch(cls, file: Path | None) -> Path | None:
        try:
            if file is not None:
                SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except SSLError:
            raise ValueError(f"{file} has no certificate in PEM form") from None
        except OSError as error:
            raise ValueError(f"{file} can't be read: {error.strerror}") from None
        return file

    @model_validator(mode="after")
    def _distinct_names(self) -> "Config":
        names = [node.name for node in self.nodes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two nodes have the name {name}")
            if self.local and name == LOCAL_NODE:
                raise ValueError(f"the name {LOCAL_NODE} belongs to the node that --local starts")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line, the environment and one TOML file, in this order."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def places(self) -> int:
        """How many interactive requests run at once."""
        return self.max_concurrent if self.parallel_requests else 1

    @property
    def places_async(self) -> int:
        """How many requests may run for background ones to run too."""
        return self.max_concurrent_async if self.parallel_requests else 1

    def key_of(self, node: NodeConfig) -> str | None:
        """Return the key to send to `node`: its own, or the one for all nodes."""
        key = node.key or self.node_key
        return key.get_secret_value() if key else None


def load(file: Path | None = None, **given: Any) -> Config:
    """Read the configuration; what is None in `given` was not given.

    Raises ConfigError, which says where the fault is and never repeats a key.
    """
    if file is not None and not file.is_file():
        raise ConfigError(f"there is no configuration file {file}")
    try:
        return from_file(
            file, **{name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        raise ConfigError("; ".join(fault(each) for each in error.errors())) from None
    except ValueError as error:  # the TOML itself
        raise ConfigError(f"{file}: {error}") from None


def from_file(file: Path | None, **given: Any) -> Config:
    """Return `given` over the environment over `file`. Raises pydantic's error, or the TOML's."""

    class FromFile(Config):
        model_config = SettingsConfigDict(toml_file=file)

    return FromFile(**given)


def fault(error: Any) -> str:
    """Say what one of pydantic's errors is about, without what was given: it may be a key."""
    where = ".".join(str(step) for step in error["loc"])
    return f"{where}: {words(error)}" if where else words(error)


def words(error: Any) -> str:
    """Return one of pydantic's errors in words, as they fit a setting."""
    return "there is no such setting" if error["type"] == "extra_forbidden" else words_of(error)
