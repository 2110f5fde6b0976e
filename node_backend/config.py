"""The node's configuration: environment variables and command line, read once into a frozen value.

Every number stands here with its unit and the reason for its default.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

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
    model: Path | None = Field(default=None, validation_alias="CEREBRUM_MODEL")
    llama_server: Path | None = None

    slots: Positive = 2
    """Requests computed side by side. Two: one being typed, one that was not cancelled in time."""

    context_tokens: Positive | None = None
    """Tokens per slot. None: what is known of the model, else `FALLBACK_CONTEXT_TOKENS`."""

    threads: Positive | None = None
    """Compute threads. None: all usable cores but one, since all of them collapse when one is
    taken by somebody else (35 to 5 tokens per second on two cores)."""

    batch_tokens: Positive = 64
    """Prompt tokens per engine step. The engine notices a caller that left only between steps, so
    a large step is a long time to wait in vain; below 64 prefill itself becomes slower."""

    prompt_cache_mib: Annotated[int, Field(ge=0)] = 256
    """Memory for the prompts of documents that lost their slot; the engine's own default is
    8 GiB, more than the machines that this is for have."""

    queue_limit: Annotated[int, Field(ge=0)] = 16
    """Requests that wait for a slot; further ones are refused. More would wait for longer than
    anyone who types does."""

    body_limit_bytes: Positive = 1_000_000
    """The largest body that is read. A megabyte is far more text than any context holds."""

    min_memory_available_mib: Annotated[int, Field(ge=0)] = 1024
    """Requests are refused while less than this is available: the machine has other work."""

    sample_interval_s: Annotated[float, Field(gt=0)] = 1.0
    """How old the CPU and memory figures may be. A sample costs about a millisecond."""

    load_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    """How long loading may take: 14 GB from an SD card at 40 MB/s take six minutes."""

    stall_timeout_s: Annotated[float, Field(gt=0)] = 120.0
    """Silence after which the engine counts as hung. It says something after every step, and
    every 30 s in any case."""

    log_level: str = "INFO"
    log_file: Path | None = None


FALLBACK_CONTEXT_TOKENS = 4096  # for a model of which nothing is known; the engine caps it
