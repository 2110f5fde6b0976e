"""The command line of the node. Each command imports what it needs when it runs."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="cerebrum-node",
    help="Compute completions on this machine, for an orchestrator elsewhere or beside it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print local variables, keys among them
)


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
    model: Annotated[
        Path | None,
        typer.Option(help="GGUF file. Default: CEREBRUM_MODEL, or the bundled model."),
    ] = None,
    llama_server: Annotated[
        Path | None,
        typer.Option(help="A llama-server of your own (say, built for your GPU) as the engine."),
    ] = None,
    slots: Annotated[int | None, typer.Option(help="Requests computed side by side.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Compute threads. Default: all cores but one.")
    ] = None,
    context: Annotated[int | None, typer.Option(help="Context per slot, in tokens.")] = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
    log_file: Annotated[
        Path | None, typer.Option(help="Also log to this file, which rotates at 2 MB.")
    ] = None,
    announce: Annotated[
        bool, typer.Option("--announce", help="Print the port as JSON on stdout when listening.")
    ] = False,
) -> None:
    """Serve the node's HTTP API until a signal ends it.

    The key is read from CEREBRUM_API_KEY; every other setting can also be given as
    CEREBRUM_NODE_<NAME>.
    """
    given = {
        "host": host,
        "port": port,
        "model": model,
        "llama_server": llama_server,
        "slots": slots,
        "threads": threads,
        "context_tokens": context,
        "log_level": log_level,
        "log_file": log_file,
    }
    _serve({name: value for name, value in given.items() if value is not None}, announce)


def _serve(given: dict[str, object], announced: bool) -> None:
    import asyncio

    from pydantic import ValidationError

    from cerebrum_kit import logs
    from cerebrum_kit.errors import CerebrumError
    from cerebrum_kit.http import describe_validation
    from node_backend.config import Settings
    from node_backend.service import run

    try:
        settings = Settings(**given)  # type: ignore[arg-type]
        logs.configure(settings.log_level, settings.log_file)
        asyncio.run(run(settings, announced=announced))
    except ValidationError as error:
        typer.echo(f"cerebrum-node: {describe_validation(error.errors())}", err=True)
        raise typer.Exit(2) from None
    except CerebrumError as error:
        typer.echo(f"cerebrum-node: {error.message}", err=True)
        raise typer.Exit(1) from None


def main() -> None:
    """Run the command line."""
    app()
