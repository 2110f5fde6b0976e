"""The node's configuration: environment variables and command line, read once into a frozen value.

Every number stands here with its unit and the reason for its default.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from node_backend.core.ledger import KvType
from node_backend.wire import DEFAULT_PORT

Positive = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """Read from `CEREBRUM_NODE_<NAME>`, and two names that all of Cerebrum knows."""

    model_config = SettingsConfigDict(
        env_prefix="CEREBRUM_NODE_",
        env_ignore_empty=True,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
    )

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = DEFAULT_PORT
    api_key: str | None = Field(default=None, validation_alias="CEREBRUM_API_KEY")

    tls_certificate: Path | None = None
    """A PEM file. With `tls_key`: the node speaks HTTPS and nothing else."""

    tls_key: Path | None = None

    model: Path | None = Field(default=None, validation_alias="CEREBRUM_MODEL")
    """A GGUF file, or the name of a model that is found here. None: the bundled model."""

    model_folders: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders of GGUF files; as a variable, separated like PATH."""

    ollama_models: Path | None = Field(default=None, validation_alias="OLLAMA_MODELS")
    """Ollama's store. None: wherever its installers put it."""

    llama_server: Path | None = None

    advertise: bool = False
    """Whether the local network is told of this node by mDNS, so that an orchestrator that looks
    for nodes finds it. Needs the extra `discovery`; keys are needed all the same."""

    engine: Literal["llama.cpp", "ollama", "openai"] = "llama.cpp"
    """What computes: a child process of the node, an Ollama, or any server that speaks OpenAI's
    protocol. The last two have models of their own: `model` names one of them."""

    engine_url: str | None = None
    """Where that server is, `http://HOST:PORT`; for OpenAI's protocol with the `/v1` at the end.
    None: for Ollama, where OLLAMA_HOST says."""

    engine_key: str | None = None
    """What that server wants as a bearer token."""

    ollama_host: str = Field(default="", validation_alias="OLLAMA_HOST")
    """As Ollama's own programs read it."""

    slots: Positive = 2
    """Requests computed side by side. Two: one being typed, one that was not cancelled in time."""

    context_tokens: Positive | None = None
    """Tokens per slot. None: what is known of the model, else `FALLBACK_CONTEXT_TOKENS`."""

    threads: Positive | None = None
    """Compute threads. None: all usable cores but a sixth, at least one, since all of them collapse
    when one is taken by somebody else (35 to 5 tokens per second on two cores)."""

    batch_tokens: Positive = 64
    """Prompt tokens per engine step. The engine notices a caller that left only between steps, so
    a large step is a long time to wait in vain; below 64 prefill itself becomes slower."""

    kv_type: KvType = "f16"
    """How keys and values are kept: q8_0 halves their memory at hardly a loss, and needs flash
    attention, which is switched on with it. `cerebrum-node tune` measures what it does to speed."""

    prompt_cache_mib: Annotated[int, Field(ge=0)] = 256
    """Memory for the prompts of documents that lost their slot; the engine's own default is
    8 GiB, more than the machines that this is for have."""

    queue_limit: Annotated[int, Field(ge=0)] = 16
    """Requests that wait for a slot; further ones are refused. More would wait for longer than
    anyone who types does."""

    loaded_models: Positive = 1
    """Models in memory at a time, while they fit together. One: the machines that this is for have
    memory for one that is any good."""

    pinned_models: Annotated[tuple[str, ...], NoDecode] = ()
    """Models that are loaded at the start and stay; as a variable, separated by commas."""

    switch_wait_s: Annotated[float, Field(ge=0)] = 10.0
    """After so long a wait for another model, the loaded one takes no more requests. Shorter, and
    two models that are wanted at once would be loaded again and again; longer, and who waits has
    given up."""

    idle_unload_s: Annotated[float, Field(gt=0)] = 3600.0
    """A model that nobody has asked for in this time gives its memory back. An hour: longer than a
    meal, shorter than a night."""

    body_limit_bytes: Positive = 1_000_000
    """The largest body that is read. A megabyte is far more text than any context holds."""

    min_memory_available_mib: Annotated[int, Field(ge=0)] = 1024
    """Requests are refused while less than this is available: the machine has other work."""

    min_vram_mib: Annotated[int, Field(ge=0)] = 100
    """Where a graphics card computes, a model is not loaded while less of its memory is free: the
    card's driver alone takes as much. 0: never refused for that."""

    max_others_cpu_percent: Annotated[float, Field(ge=0, le=100)] = 70.0
    """Requests are refused while others use more of the processor than this: what is left is too
    little for an answer in time, and its owner would notice. What was made nice doesn't count,
    since it gives way. 100: never refused for that."""

    cpu_window_s: Annotated[float, Field(gt=0)] = 1.5
    """Time over which the use of the processor is averaged. Shorter, and every program that starts
    is a reason to refuse; longer, and work that goes on is noticed after two seconds only."""

    sample_interval_s: Annotated[float, Field(gt=0)] = 0.5
    """How old the CPU and memory figures may be. A sample costs a few milliseconds in a thread."""

    cgroup_root: Path = Path("/sys/fs/cgroup")
    """Where control groups (cgroup v2) are mounted: their limits count as the machine's."""

    load_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    """How long loading may take: 14 GB from an SD card at 40 MB/s take six minutes."""

    stall_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Silence after which the engine counts as hung. It says something after every step, and
    every 30 s in any case."""

    @field_validator("model_folders", mode="before")
    @classmethod
    def _split_folders(cls, given: object) -> object:
        """Take a variable apart as PATH is."""
        if isinstance(given, str):
            return tuple(Path(part) for part in given.split(os.pathsep) if part)
        return given

    @model_validator(mode="after")
    def _whole_tls(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key are of use only together")
        return self

    @field_validator("pinned_models", mode="before")
    @classmethod
    def _split_names(cls, given: object) -> object:
        """Take a variable apart at its commas."""
        if isinstance(given, str):
            return tuple(name.strip() for name in given.split(",") if name.strip())
        return given

    @model_validator(mode="after")
    def _hosted_engine_is_whole(self) -> Self:
        """Refuse what could not work: a server of which nothing is known."""
        if self.engine == "openai" and self.engine_url is None:
            raise ValueError("the engine openai needs --engine-url, like http://HOST:8000/v1")
        return self

    log_level: str = "INFO"
    log_file: Path | None = None


FALLBACK_CONTEXT_TOKENS = 4096  # for a model of which nothing is known; the engine caps it
