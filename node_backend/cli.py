"""The command line of the node. Each command imports what it needs when it runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 200  # columns of a table that no terminal bounds

app = typer.Typer(
    name="cerebrum-node",
    help="Compute completions on this machine, for an orchestrator elsewhere or beside it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print local variables, keys among them
)


ModelOption = Annotated[
    str | None,
    typer.Option(
        help="GGUF file, or a name from `models`. Default: CEREBRUM_MODEL, or the bundled one."
    ),
]
FoldersOption = Annotated[
    list[Path] | None,
    typer.Option("--folder", help="Folder of GGUF files; repeatable."),
]


LlamaServerOption = Annotated[
    Path | None,
    typer.Option(help="A llama-server of your own (say, built for your GPU) as the engine."),
]


class WriteKind(StrEnum):
    """What `tune` writes."""

    env = "env"
    systemd = "systemd"
    nix = "nix"
    ollama = "ollama"


@app.callback()
def node() -> None:
    """Compute completions on this machine, for an orchestrator elsewhere or beside it."""


@app.command()
def serve(  # noqa: PLR0913 - one parameter per option
    *,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. Beyond this machine: only with CEREBRUM_API_KEY."),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free one.")] = None,
    model: ModelOption = None,
    folder: FoldersOption = None,
    engine: Annotated[
        str | None,
        typer.Option(help="llama.cpp, ollama or openai (any server with that protocol)."),
    ] = None,
    engine_url: Annotated[
        str | None,
        typer.Option(help="Where that server is. Default for ollama: OLLAMA_HOST."),
    ] = None,
    llama_server: LlamaServerOption = None,
    slots: Annotated[int | None, typer.Option(help="Requests computed side by side.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Compute threads. Default: all cores but a sixth.")
    ] = None,
    context: Annotated[int | None, typer.Option(help="Context per slot, in tokens.")] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file; with --tls-key: serve HTTPS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
    log_file: Annotated[
        Path | None, typer.Option(help="Also log to this file, which rotates at 2 MB.")
    ] = None,
    announce: Annotated[
        bool, typer.Option("--announce", help="Print the port as JSON on stdout when listening.")
    ] = False,
) -> None:
    """Serve the node's HTTP API until a signal ends it.

    The key is read from CEREBRUM_API_KEY, that of a server that computes from
    CEREBRUM_NODE_ENGINE_KEY; every other setting can also be given as
    CEREBRUM_NODE_<NAME>.
    """
    given = {
        "host": host,
        "port": port,
        "model": model,
        "model_folders": folder or None,
        "engine": engine,
        "engine_url": engine_url,
        "llama_server": llama_server,
        "slots": slots,
        "threads": threads,
        "context_tokens": context,
        "tls_certificate": tls_certificate,
        "tls_key": tls_key,
        "log_level": log_level,
        "log_file": log_file,
    }
    _serve(_set_only(given), announce)


@app.command()
def models(
    *,
    model: ModelOption = None,
    folder: FoldersOption = None,
    context: Annotated[int | None, typer.Option(help="Context per slot, in tokens.")] = None,
    slots: Annotated[int | None, typer.Option(help="Requests computed side by side.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the models that are found, and whether each fits the memory that is free now.

    They come from the bundled one, --model, --folder (or CEREBRUM_NODE_MODEL_FOLDERS, separated
    like PATH), and Ollama's store (OLLAMA_MODELS, or where its installers put it).

    Status: 0 listed; 1 the chosen model isn't there; 2 a mistake on the command line.
    """
    given = {
        "model": model,
        "model_folders": folder or None,
        "context_tokens": context,
        "slots": slots,
    }
    with _errors_said():
        _list_models(_set_only(given), as_json=as_json)


@app.command()
def tune(  # noqa: PLR0913 - one parameter per option
    *,
    model: ModelOption = None,
    folder: FoldersOption = None,
    llama_server: LlamaServerOption = None,
    budget: Annotated[
        float, typer.Option(help="Seconds that measuring may take.", min=1, max=86_400)
    ] = 60,
    is_measured: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Measure, or go by the rules alone.")
    ] = True,
    write: Annotated[
        list[WriteKind] | None,
        typer.Option(help="Files for env, systemd, nix or ollama; repeatable."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write them into this folder; without it: show them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show them, even with --to.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that say something else.")
    ] = False,
) -> None:
    """Look at this machine, measure it, and recommend how to run models on it.

    Threads, batch size, context, parallel requests, KV type, and limits for the service. Nothing
    is changed unless --write and --to say so.

    Status: 0 done; 1 the model can't be measured, or a file can't be written; 2 a mistake on the
    command line.
    """
    if to is not None and not write:
        raise typer.BadParameter("nothing to write: add --write env, systemd, nix or ollama")
    given = {"model": model, "model_folders": folder or None, "llama_server": llama_server}
    with _errors_said():
        from cerebrum_kit import logs
        from node_backend.config import Settings
        from node_backend.tune.run import Wish
        from node_backend.tune.run import tune as carry_out

        logs.configure("ERROR")  # what there is to say of an engine's end is in the output
        wish = Wish(
            kinds=tuple(kind.value for kind in dict.fromkeys(write or ())),
            folder=None if dry_run else to,
            is_forced=force,
            budget_s=budget if is_measured else 0,
        )
        carry_out(Settings(**_set_only(given)), wish, _console())  # type: ignore[arg-type]


def _console() -> "Console":
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def _set_only(given: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in given.items() if value is not None}


def _list_models(given: dict[str, object], *, as_json: bool) -> None:
    from node_backend import listing_view
    from node_backend.config import Settings
    from node_backend.listing import listed

    found = listed(Settings(**given))  # type: ignore[arg-type]
    if as_json:
        typer.echo(listing_view.as_json(found.rows, found.unusable))
    else:
        _console().print(listing_view.table(found.rows, found.unusable))
    for note in found.notes:
        typer.echo(f"cerebrum-node: {note}", err=True)


def _serve(given: dict[str, object], announced: bool) -> None:
    import asyncio

    from cerebrum_kit import logs
    from node_backend.config import Settings
    from node_backend.service import run

    with _errors_said():
        settings = Settings(**given)  # type: ignore[arg-type]
        logs.configure(settings.log_level, settings.log_file)
        asyncio.run(run(settings, announced=announced))


@contextmanager
def _errors_said() -> Iterator[None]:
    """Say what a person can act on in one line: status 2 for a setting, 1 for all else."""
    from pydantic import ValidationError

    from cerebrum_kit.errors import CerebrumError
    from cerebrum_kit.http import describe_validation

    try:
        yield
    except ValidationError as error:
        typer.echo(f"cerebrum-node: {describe_validation(error.errors())}", err=True)
        raise typer.Exit(2) from None
    except CerebrumError as error:
        typer.echo(f"cerebrum-node: {error.message}", err=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Run the command line."""
    app()
