"""The typer app: options of ``offhook`` itself, and the commands of core."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from offhook.cli import doctor as examination
from offhook.cli import transports as listing
from offhook.cli.commands import CommandGroup

app = typer.Typer(
    cls=CommandGroup,
    help="Live spoken conversations with speech-to-speech models, over any transport.",
    no_args_is_help=True,
    add_completion=False,
    # A defect's traceback is for reading, and must not show local variables: there may be keys in them.
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("offhook"))
        raise typer.Exit


@app.callback()
def offhook(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Say nothing: the help is the app's own."""


@app.command()
def transports(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every detail.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Import each one; exit with 1 if one cannot be used.")] = False,
) -> None:
    """List the installed transports."""
    raise typer.Exit(listing.show(as_json=as_json, check=check))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    network: Annotated[bool, typer.Option(help="Look whether the service's host answers, for 3 s at most.")] = True,
) -> None:
    """Look at the installation, the config, keys, devices and the network, and say what to do; exit with 1 if broken."""
    raise typer.Exit(examination.show(as_json=as_json, with_network=network))
