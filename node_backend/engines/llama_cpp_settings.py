"""What llama.cpp's server is started with: pure functions from settings to its parameters."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from node_backend.core.ledger import KvType

GGML_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}  # as ggml.h numbers them
FLASH_ATTENTION_ON = 1  # llama.h; without it the engine can't read quantised values


@dataclass(frozen=True)
class EngineSettings:
    """All that the engine's process needs to know. `api_key` travels beside it, never in argv."""

    model_path: str
    context_tokens: int
    """Per slot."""
    slots: int
    threads: int
    batch_tokens: int
    prompt_cache_mib: int
    parent_pid: int
    kv_type: KvType = "f16"
    """How keys and values are kept."""
    suffix_first: bool = False
    """Whether the model is asked in the order suffix, prefix, middle."""
    binary: str | None = None
    """A llama-server to run instead of the built-in one, on `port`."""
    port: int = 0

    def to_json(self) -> str:
        """Render for the child's environment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


def common_params(settings: EngineSettings) -> dict[str, object]:
    """Return the attributes of xllamacpp's `CommonParams` that differ from its defaults."""
    return {
        "model.path": settings.model_path,
        "n_ctx": settings.context_tokens * settings.slots,
        "n_parallel": settings.slots,
        "n_batch": settings.batch_tokens,
        "n_ubatch": settings.batch_tokens,
        "cpuparams.n_threads": settings.threads,
        "cpuparams_batch.n_threads": settings.threads,
        "cache_ram_mib": settings.prompt_cache_mib,
        "port": settings.port,
        "endpoint_slots": True,
        "ui": False,
        "fit_params": False,  # the context is ours to decide, not to be guessed from the memory
        "verbosity": 1,  # errors only: what is more verbose may show prompts
        **_kv_params(settings.kv_type),
    }


def _kv_params(kv_type: KvType) -> dict[str, object]:
    if kv_type == "f16":  # the engine's own default; flash attention then is as it likes
        return {}
    number = GGML_TYPES[kv_type]
    return {
        "cache_type_k": number,
        "cache_type_v": number,
        "flash_attn_type": FLASH_ATTENTION_ON,
    }


def command_line(settings: EngineSettings) -> list[str]:
    """Return the command for a `llama-server`: only options that old versions know too."""
    assert settings.binary is not None  # noqa: S101 - asked for only where there is one
    options = {
        "--model": settings.model_path,
        "--host": "127.0.0.1",
        "--port": settings.port,
        "--ctx-size": settings.context_tokens * settings.slots,
        "--parallel": settings.slots,
        "--batch-size": settings.batch_tokens,
        "--ubatch-size": settings.batch_tokens,
        "--threads": settings.threads,
        "--threads-batch": settings.threads,
    }
    flat = [part for name, value in options.items() for part in (name, str(value))]
    return [settings.binary, *flat, "--slots"]


def command_environment(settings: EngineSettings, api_key: str) -> dict[str, str]:
    """Return the rest of the options, as variables: a version that lacks one ignores it."""
    return {
        "LLAMA_API_KEY": api_key,
        "LLAMA_ARG_CACHE_RAM": str(settings.prompt_cache_mib),
        "LLAMA_ARG_UI": "0",
        "LLAMA_ARG_WEBUI": "0",
        "LLAMA_LOG_VERBOSITY": "1",
        **_kv_environment(settings.kv_type),
    }


def _kv_environment(kv_type: KvType) -> dict[str, str]:
    if kv_type == "f16":
        return {}
    return {
        "LLAMA_ARG_CACHE_TYPE_K": kv_type,
        "LLAMA_ARG_CACHE_TYPE_V": kv_type,
        "LLAMA_ARG_FLASH_ATTN": "on",
    }
