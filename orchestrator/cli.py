"""`cerebrum-orchestrator`: the service from the command line."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Routes code completion to the machines that you already have.",
)


@app.command()
def serve(  # noqa: PLR0913, PLR0917 - its options
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; beyond this machine only with a key.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 is any free one.")] = None,
    node: Annotated[
        list[str] | None, typer.Option(help="Address of a node, http://HOST:9000; repeatable.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file: tables `nodes` (name, url, key), and settings.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Start a node of one's own, for this user's editors.")
    ] = False,
    linger_s: Annotated[
        float | None,
        typer.Option(help="With --local: end this long after the last editor has gone."),
    ] = None,
    announce: Annotated[
        bool, typer.Option("--announce", help="Print port and pid as JSON once it listens.")
    ] = False,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    log_file: Annotated[
        Path | None, typer.Option(help="Log there too; it rotates and stays small.")
    ] = None,
) -> None:
    """Serve the pool: POST /v1/complete, GET /health, /v1/stats, /v1/nodes, /v1/events, /metrics.

    Clients of OpenAI, llama.cpp and Ollama find their own paths.

    Keys: CEREBRUM_ORCHESTRATOR_KEY for callers, CEREBRUM_NODE_KEY for the nodes.

    CEREBRUM_NODES lists nodes by address, separated by commas; Ollama (port 11434) and llama-server
    (8080) will do, without an agent on them.

    A changed configuration file is taken over at once, and on SIGHUP; what runs goes on.
    """
    import asyncio

    from cerebrum_kit import logs
    from cerebrum_kit.errors import CerebrumError
    from orchestrator.config import load
    from orchestrator.run import run

    try:
        logs.configure(log_level, log_file)
        given = {"host": host, "port": port, "nodes": node, "local": local or None}
        read = partial(load, config, linger_s=linger_s, **given)
        asyncio.run(run(read(), announce=announce, file=config, read=read))
    except CerebrumError as error:
        typer.echo(f"cerebrum-orchestrator: {error.message}", err=True)
        raise typer.Exit(1) from None


@app.command()
def check(
    config: Annotated[Path | None, typer.Option(help="TOML file to check.")] = None,
) -> None:
    """Check a configuration: the file, and the environment over it; say each fault and its line."""
    from orchestrator import config_check
    from orchestrator.config import load

    faults = config_check.check(config)
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    settings = load(config)
    names = ", ".join(node.name for node in settings.nodes) or "none"
    typer.echo(f"good: {settings.host}:{settings.port}, nodes: {names}")


@app.command()
def scan(
    network: Annotated[str, typer.Argument(help="Addresses to look at, as 192.168.1.0/24.")],
) -> None:
    """Look for nodes, Ollama, llama-server and llama.cpp RPC in a private network.

    Nothing is changed: what is found is listed, with the lines to put into the configuration.
    """
    import asyncio

    from cerebrum_kit.errors import CerebrumError
    from orchestrator.scan import PORTS, Found, addresses, as_configuration
    from orchestrator.scan import scan as look

    def show(found: Found) -> None:
        typer.echo(f"{found.host}:{found.port}  {found.kind}  {found.says}", err=True)

    try:
        hosts = addresses(network)
    except CerebrumError as error:
        typer.echo(f"cerebrum-orchestrator: {error.message}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"looking at {len(hosts)} addresses, {len(PORTS)} ports each", err=True)
    found = asyncio.run(look(hosts, on_found=show))
    typer.echo(f"found {len(found)}", err=True)
    typer.echo(as_configuration(found), nl=False)


def main() -> None:
    """Run the command line."""
    app()
