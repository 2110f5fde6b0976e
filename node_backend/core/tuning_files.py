"""Writes a recommendation down, for each way in which services are set up, and how to verify it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from node_backend.core.tuning_rules import Recommendation

Kind = Literal["env", "systemd", "nix", "ollama"]
KINDS: tuple[Kind, ...] = ("env", "systemd", "nix", "ollama")
UNIT, OLLAMA_UNIT = "cerebrum-node.service", "ollama.service"
KEY_FILE = "/etc/cerebrum/node.env"
CARE = {"Restart": "on-failure", "RestartSec": "5", "NoNewPrivileges": "yes"}
ORIGIN = "As `cerebrum-node tune` found it for this machine"


@dataclass(frozen=True)
class Setup:
    """What of this installation the files name."""

    program: str
    """The absolute path of `cerebrum-node`."""
    user: str | None = None
    """Who runs the service; None: a user that systemd makes up for it."""
    model: str | None = None
    """What CEREBRUM_MODEL is to be; None: the bundled model."""
    ollama_base: str | None = None
    """From what Ollama is to make a model with these threads: a name, or a GGUF file. None: the
    model that the recommendation is for."""


@dataclass(frozen=True)
class File:
    """A file to write, by its path in the folder that is given."""

    path: str
    text: str


def files_for(kind: Kind, tuned: Recommendation, setup: Setup) -> tuple[File, ...]:
    """Return the files of one kind."""
    match kind:
        case "env":
            return (File("cerebrum-node.env", _env(tuned, setup)),)
        case "systemd":
            return (
                File(UNIT, _unit(setup)),
                File(f"{UNIT}.d/50-tuning.conf", _drop_in(tuned, node_variables(tuned, setup))),
            )
        case "nix":
            return (File("cerebrum-node.nix", _nix_module(tuned, setup)),)
        case "ollama":
            return (
                File(f"{OLLAMA_UNIT}.d/50-cerebrum.conf", _drop_in(tuned, ollama_variables(tuned))),
                File("Modelfile", _modelfile(tuned, setup)),
            )


def commands_for(kind: Kind, folder: str) -> tuple[str, ...]:
    """Return the commands that put the files to use, and those that show whether they are."""
    show = "systemctl show {} -p CPUQuotaPerSecUSec -p CPUWeight -p MemoryMax -p Environment"
    match kind:
        case "env":
            return (
                f"set -a; . {folder}/cerebrum-node.env; set +a; cerebrum-node serve",
                "curl -s localhost:9000/health",
            )
        case "systemd":
            return (
                f"systemd-analyze verify {folder}/{UNIT}",
                f"sudo cp -r {folder}/{UNIT} {folder}/{UNIT}.d /etc/systemd/system/",
                f"sudo systemctl daemon-reload && sudo systemctl enable --now {UNIT}",
                show.format("cerebrum-node"),
                "curl -s localhost:9000/health",
            )
        case "nix":
            return (
                f"nix-instantiate --parse {folder}/cerebrum-node.nix",
                "sudo nixos-rebuild switch  # with the file among the imports",
                show.format("cerebrum-node"),
            )
        case "ollama":
            return (
                f"sudo cp -r {folder}/{OLLAMA_UNIT}.d /etc/systemd/system/",
                f"sudo systemctl daemon-reload && sudo systemctl restart {OLLAMA_UNIT}",
                f"ollama create tuned -f {folder}/Modelfile",
                show.format("ollama"),
                'ps aux | grep "ollama runner"  # its threads and context',
            )


def node_variables(tuned: Recommendation, setup: Setup) -> dict[str, str]:
    """Return the node's settings as variables."""
    variables = {
        "CEREBRUM_NODE_THREADS": str(tuned.threads.value),
        "CEREBRUM_NODE_SLOTS": str(tuned.slots.value),
        "CEREBRUM_NODE_CONTEXT_TOKENS": str(tuned.context_tokens.value),
        "CEREBRUM_NODE_BATCH_TOKENS": str(tuned.batch_tokens.value),
        "CEREBRUM_NODE_KV_TYPE": tuned.kv_type.value,
        "CEREBRUM_NODE_LOADED_MODELS": str(tuned.loaded_models.value),
    }
    return variables if setup.model is None else {"CEREBRUM_MODEL": setup.model, **variables}


def ollama_variables(tuned: Recommendation) -> dict[str, str]:
    """Return Ollama's settings as variables; it has none for its threads."""
    return {
        "OLLAMA_CONTEXT_LENGTH": str(tuned.context_tokens.value),
        "OLLAMA_NUM_PARALLEL": str(tuned.slots.value),
        "OLLAMA_MAX_LOADED_MODELS": str(tuned.loaded_models.value),
        "OLLAMA_KV_CACHE_TYPE": tuned.kv_type.value,
        "OLLAMA_FLASH_ATTENTION": "1" if tuned.flash_attention.value else "0",
    }


def memory_text(mebibytes: int) -> str:
    """Render a size as systemd takes it."""
    return f"{mebibytes // 1024}G" if mebibytes % 1024 == 0 else f"{mebibytes}M"


def _limits(tuned: Recommendation) -> dict[str, str]:
    return {
        "CPUQuota": f"{tuned.cpu_quota_percent.value}%",
        "CPUWeight": str(tuned.cpu_weight.value),
        "MemoryMax": memory_text(tuned.memory_max_mib.value),
    }


def _env(tuned: Recommendation, setup: Setup) -> str:
    lines = [f"{name}={_shell(value)}" for name, value in node_variables(tuned, setup).items()]
    return _lines(f"# {ORIGIN}.", *lines)


def _unit(setup: Setup) -> str:
    return _lines(
        "[Unit]",
        "Description=Cerebrum node: computes completions on this machine",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        f"ExecStart={_start(setup)}",
        "# CEREBRUM_API_KEY=… for callers from other machines, readable by root only:",
        f"EnvironmentFile=-{KEY_FILE}",
        *(f"{name}={value}" for name, value in {**_identity(setup), **CARE}.items()),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    )


def _start(setup: Setup) -> str:
    """Return the command line; other than in Environment=, a $ has a meaning there."""
    return f"{_systemd(setup.program.replace('$', '$$'))} serve"


def _identity(setup: Setup) -> dict[str, str]:
    return {"DynamicUser": "yes"} if setup.user is None else {"User": setup.user}


def _drop_in(tuned: Recommendation, variables: Mapping[str, str]) -> str:
    return _lines(
        f"# {ORIGIN}.",
        "[Service]",
        *(f"{name}={value}" for name, value in _limits(tuned).items()),
        *(f"Environment={_systemd(f'{name}={value}')}" for name, value in variables.items()),
    )


def _nix_module(tuned: Recommendation, setup: Setup) -> str:
    limits = _limits(tuned)
    start = {"ExecStart": _start(setup), "EnvironmentFile": f"-{KEY_FILE}"}
    node_service = {**start, **_identity(setup), **CARE, **limits}
    return _lines(
        f"# {ORIGIN}; a module to be imported.",
        "{ config, lib, ... }:",
        "{",
        "  systemd.services.cerebrum-node = {",
        '    description = "Cerebrum node: computes completions on this machine";',
        '    wantedBy = [ "multi-user.target" ];',
        '    wants = [ "network-online.target" ];',
        '    after = [ "network-online.target" ];',
        *_nix_set("    environment =", node_variables(tuned, setup)),
        *_nix_set("    serviceConfig =", node_service),
        "  };",
        *_nix_set(
            "  services.ollama.environmentVariables = lib.mkIf config.services.ollama.enable",
            ollama_variables(tuned),
        ),
        *_nix_set(
            "  systemd.services.ollama.serviceConfig = lib.mkIf config.services.ollama.enable",
            limits,
        ),
        "}",
    )


def _nix_set(head: str, values: Mapping[str, str]) -> list[str]:
    indent = " " * (len(head) - len(head.lstrip()))
    lines = [f"{indent}  {name} = {_nix(value)};" for name, value in values.items()]
    return [f"{head} {{", *lines, f"{indent}}};"]


def _modelfile(tuned: Recommendation, setup: Setup) -> str:
    return _lines(
        "# Ollama has no other place for its threads; `ollama create tuned -f Modelfile`.",
        f"FROM {setup.ollama_base or tuned.subject}",
        f"PARAMETER num_thread {tuned.threads.value}",
    )


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _shell(value: str) -> str:
    """Quote for a POSIX shell, in a way that systemd's EnvironmentFile= reads alike."""
    plain = value.replace("/", "").replace(".", "").replace("-", "").replace("_", "")
    if plain.replace(":", "").isalnum() and value.isascii():
        return value
    quoted = "".join(f"\\{char}" if char in '"\\$`' else char for char in value)
    return f'"{quoted}"'


def _systemd(value: str) -> str:
    """Quote for a unit file, where % has a meaning."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"' if any(char in value for char in " \t'\"\\;") else escaped


def _nix(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'
