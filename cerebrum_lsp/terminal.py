"""The commands for people: `try`, `doctor`, `stop`. What each of them needs is imported by it."""

from typing import Annotated

import typer

from cerebrum_lsp import __version__
from cerebrum_lsp.cli import serve_stdio, serve_tcp
from cerebrum_lsp.core.actions.kinds import Triable

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Serve an editor on stdin and stdout (default).")
    ] = False,
    tcp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve an editor over TCP instead.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Code completion for your editor, from machines that you own.

    Without a command it serves an editor on stdin and stdout, as editors start it. With no
    configuration, a local pool with the bundled model is found or started. Set
    CEREBRUM_MODEL=/path/model.gguf for another model, CEREBRUM_ORCHESTRATOR_URL and
    CEREBRUM_ORCHESTRATOR_KEY for a pool that runs elsewhere.
    """
    if version:
        typer.echo(f"cerebrum-lsp {__version__}")
    elif tcp:
        serve_tcp(*_host_and_port(tcp))
    elif stdio:
        serve_stdio()
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("try")
def try_completion(
    place: Annotated[
        str | None,
        typer.Argument(metavar="[FILE:LINE:COL]", help="Where to complete; 1-based."),
    ] = None,
    retype: Annotated[
        bool,
        typer.Option("--retype", help="Leave out the rest of the line, as if yet to be typed."),
    ] = False,
    own_pool: Annotated[
        bool,
        typer.Option("--own-pool", help="Start a pool for this run only, and end it afterwards."),
    ] = False,
    action: Annotated[
        Triable | None,
        typer.Option("--action", help="Show what a code action would change there instead."),
    ] = None,
) -> None:
    """Show a completion as it streams, and where its time went.

    Without a place, a line of a file of Cerebrum's own is completed.
    """
    if action is not None:
        from cerebrum_lsp.actions import trial

        raise typer.Exit(trial.run(_required(place), action))
    from cerebrum_lsp.trial import run

    raise typer.Exit(run(place, retype=retype, own_pool=own_pool))


@app.command("doctor")
def examine(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the findings for programs.")
    ] = False,
) -> None:
    """Find out what is wrong, and what to do about it.

    Looks at the configuration, the pool (this user's own is started if it does not run), its
    nodes and models, the engine, the grammars and the editors. Exit status 1 if something is
    broken; what could only be better is no error.
    """
    from cerebrum_lsp.doctor.run import run

    raise typer.Exit(run(as_json=as_json))


@app.command("stop")
def stop_pool() -> None:
    """End the local pool; the next editor that needs one starts it again."""
    from cerebrum_kit.runtime import runtime_dir
    from cerebrum_lsp import embedded

    stopped = embedded.stop(runtime_dir())
    typer.echo("the local pool has ended" if stopped else "no local pool is running")


def _required(place: str | None) -> str:
    if place is None:
        raise typer.BadParameter("an action needs a place", param_hint="FILE:LINE")
    return place


def _host_and_port(text: str) -> tuple[str, int]:
    from cerebrum_kit.serving import is_loopback

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter(f"expected HOST:PORT, got {text!r}", param_hint="--tcp")
    if not is_loopback(host):
        raise typer.BadParameter(
            "the protocol has no authentication, so only this machine may connect: use 127.0.0.1",
            param_hint="--tcp",
        )
    return host, int(port)
