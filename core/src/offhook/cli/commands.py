"""Sub-commands of other distributions: named in the help from metadata, imported only when they are invoked."""

from __future__ import annotations

from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from offhook.discovery import COMMANDS, claims, pip_line
from offhook.plugins import load_command
from offhook.settings import load_settings

_ABOUT: Final = {
    "calls": "Answer phone calls.",
    "demo": "Hold a spoken conversation, offline.",
    "devices": "List the microphones and loudspeakers of this machine.",
    "emulator": "Serve the Realtime API on this machine.",
    "new-transport": "Write a transport of your own: a distribution to begin with.",
    "record": "Talk as with offhook talk, and record the conversation.",
    "replay": "Show a recorded conversation as it happened.",
    "talk": "Talk with the configured service, by microphone or from a file.",
}


class CommandGroup(TyperGroup):
    """The commands of this app, and those of entry-point group ``offhook.commands``."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # typer's signature
        """Give our own names, the installed ones, and the ones we know how to install."""
        return [*self.commands, *sorted({*claims(COMMANDS), *COMMANDS.installs} - set(self.commands))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  # typer's signature
        """Give a command as the help shows it."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        claimed = claims(COMMANDS).get(cmd_name, ())
        if not claimed and cmd_name not in COMMANDS.installs:
            return None
        origin = ", ".join(str(claim) for claim in claimed) or f"not installed: {pip_line(COMMANDS, cmd_name)}"
        shown = f"{_ABOUT.get(cmd_name, '')} ({origin})".strip()
        # rich would take the brackets of an extra for markup, and leave them out.
        return TyperCommand(cmd_name, help=shown.replace("[", r"\[") if self.rich_markup_mode == "rich" else shown)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Give the command to run, importing it. Raises ``PluginError``."""
        name, *rest = args
        if name in self.commands or name.startswith("-"):
            return super().resolve_command(ctx, args)
        return name, _runnable(name, load_command(name, load_settings(), others=self.commands)), rest


def _runnable(name: str, found: Any) -> Any:
    if not isinstance(found, typer.Typer):
        app = typer.Typer(add_completion=False)
        app.command(name)(found)
        found = app
    return get_command(found)
