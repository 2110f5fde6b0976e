"""What llama.cpp is started with, for both ways of running it."""

from dataclasses import replace
from pathlib import Path

import xllamacpp

from node_backend.config import Settings
from node_backend.engines.llama_cpp_settings import (
    EngineSettings,
    command_environment,
    command_line,
    common_params,
)
from node_backend.models import Model
from node_backend.service import engine_settings

SETTINGS = EngineSettings(
    model_path="/models/m.gguf",
    context_tokens=2048,
    slots=3,
    threads=7,
    batch_tokens=64,
    prompt_cache_mib=256,
    parent_pid=1,
    binary="/opt/llama-server",
    port=4711,
)
MODEL = Model("m", Path("/models/m.gguf"), 2048)


def test_the_context_of_all_slots_together_is_what_the_engine_is_given() -> None:
    assert common_params(SETTINGS)["n_ctx"] == 3 * 2048
    assert command_line(SETTINGS)[7:9] == ["--ctx-size", str(3 * 2048)]


def test_threads_are_all_usable_cores_but_a_sixth_unless_told_otherwise() -> None:
    assert engine_settings(Settings(), MODEL, usable_cores=8).threads == 7
    assert engine_settings(Settings(), MODEL, usable_cores=1).threads == 1
    assert engine_settings(Settings(threads=2), MODEL, usable_cores=8).threads == 2
    assert common_params(SETTINGS)["cpuparams.n_threads"] == 7
    assert common_params(SETTINGS)["cpuparams_batch.n_threads"] == 7


def test_the_prompt_cache_is_bounded() -> None:
    assert common_params(SETTINGS)["cache_ram_mib"] == 256
    assert command_environment(SETTINGS, "k")["LLAMA_ARG_CACHE_RAM"] == "256"
    assert 0 < engine_settings(Settings(), MODEL, 2).prompt_cache_mib <= 512


def test_steps_are_small_so_that_a_caller_who_left_is_noticed() -> None:
    params = common_params(SETTINGS)
    assert params["n_batch"] == params["n_ubatch"] == 64


def test_keys_and_values_are_quantised_only_with_flash_attention() -> None:
    settings = engine_settings(Settings(kv_type="q8_0"), MODEL, usable_cores=2)
    params, environment = common_params(settings), command_environment(settings, "k")
    assert params["cache_type_k"] == params["cache_type_v"] == xllamacpp.ggml_type.GGML_TYPE_Q8_0
    assert params["flash_attn_type"] == 1
    assert environment["LLAMA_ARG_CACHE_TYPE_V"] == "q8_0"
    assert environment["LLAMA_ARG_FLASH_ATTN"] == "on"
    assert "cache_type_k" not in common_params(SETTINGS)
    assert "LLAMA_ARG_FLASH_ATTN" not in command_environment(SETTINGS, "k")


def test_every_parameter_exists_in_the_engine() -> None:
    params = xllamacpp.CommonParams()
    for name in common_params(replace(SETTINGS, kv_type="q4_0")):
        target = params
        for step in name.split("."):
            assert hasattr(target, step), name
            target = getattr(target, step)


def test_the_command_line_has_no_key() -> None:
    line = command_line(SETTINGS)
    assert line[:5] == ["/opt/llama-server", "--model", "/models/m.gguf", "--host", "127.0.0.1"]
    assert "secret" not in " ".join(line)
    assert command_environment(SETTINGS, "secret")["LLAMA_API_KEY"] == "secret"


def test_settings_survive_the_way_to_the_child() -> None:
    assert EngineSettings.from_json(SETTINGS.to_json()) == SETTINGS
