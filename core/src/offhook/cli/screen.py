"""What a conversation looks like in a terminal: who says what, as it is said, how loud it is, and what it took."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

from attrs import define, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from offhook import events as e
from offhook.agent_events import ToolEnd
from offhook.cli.conversation import Report
from offhook.cli.levels import FLOOR_DB, Level
from offhook.session.events import TranscriptEvent

Role: TypeAlias = Literal["user", "assistant"]

_STYLES: Final[Mapping[Role, tuple[str, str]]] = {"user": ("you", "bold cyan"), "assistant": ("agent", "bold green")}
#: How often meters move. The eye sees no more, and each picture takes a few milliseconds.
_PER_SECOND: Final = 10
_METER_WIDTH: Final = 20


@define(eq=False)
class Screen:
    """Prints events. Within ``with``, and in a terminal, the lines that are being said grow at the bottom, over the meters.

    Elsewhere whole lines are printed, and nothing else. ``meters`` are those of each side, where there are any.
    """

    console: Console = field(factory=Console)
    meters: Mapping[Role, Level] = field(factory=dict[Role, Level])
    _growing: dict[Role, str] = field(init=False, factory=dict[Role, str])
    _live: Live | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        if self.console.is_interactive:
            self._live = Live(
                console=self.console, get_renderable=self._bottom, refresh_per_second=_PER_SECOND, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for role in tuple(self._growing):
            self._leave_off(role)
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, event: e.Event) -> None:
        """Print what is worth seeing of ``event``."""
        match event:
            case TranscriptEvent():
                self._transcript(event)
            case ToolEnd():
                self._line("tool", "bold yellow", f"{event.tool.name}({event.call.arguments}) → {event.output}")
            case e.AudioInterrupted():
                self._leave_off("assistant")
                self._line("", "dim", "(interrupted)")
            case e.ErrorEvent():
                self._line("error", "bold red", event.message)
            case _:
                pass

    def report(self, report: Report) -> None:
        """Print the table of what the conversation took."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("connect", "end of speech → first audio", "total", "audio in", "audio out"):
            table.add_column(title, justify="right")
        table.add_row(
            f"{report.connect_ms:.0f} ms",
            f"{report.first_audio_ms:.0f} ms",
            f"{report.total_ms / 1000:.1f} s",
            f"{report.audio_in_ms / 1000:.1f} s",
            f"{report.audio_out_ms / 1000:.1f} s",
        )
        self.console.print()
        self.console.print(table)

    def say(self, text: str) -> None:
        """Print a line of our own."""
        self.console.print(text, style="dim", highlight=False, soft_wrap=True)

    def _transcript(self, event: TranscriptEvent) -> None:
        if not event.final:
            self._growing[event.role] = event.text
            return
        self._growing.pop(event.role, None)
        if text := event.text.strip():
            self._line(*_STYLES[event.role], text)

    def _leave_off(self, role: Role) -> None:
        """Keep what was said so far: it will not be finished."""
        text = self._growing.pop(role, "").strip()
        if text and self._live is not None:
            self._line(*_STYLES[role], f"{text} …")

    def _line(self, who: str, style: str, text: str) -> None:
        self.console.print(_said(who, style, text), soft_wrap=True)

    def _bottom(self) -> RenderableType:
        """What is at the bottom now. Called in a thread of rich's own, too."""
        growing = [_tail(*_STYLES[role], text, self.console.width) for role, text in tuple(self._growing.items())]
        meters = [_meter(*_STYLES[role], level.decibels) for role, level in self.meters.items()]
        return Group(*growing, *([Text("  ").join(meters)] if meters else []))


def _said(who: str, style: str, text: str) -> Text:
    return Text.assemble((f"{who:>5} ", style), text)


def _tail(who: str, style: str, text: str, width: int) -> Text:
    """Show the end of what is being said, as much as fits on a line."""
    shown = " ".join(text.split())[-max(20, width - 8) :]
    return Text.assemble((f"{who:>5} ", style), (shown, "italic dim"))


def _meter(who: str, style: str, decibels: float) -> Text:
    lit = round((1 - decibels / FLOOR_DB) * _METER_WIDTH)
    return Text.assemble((f"{who:>5} ", style), ("▮" * lit, style), ("▯" * (_METER_WIDTH - lit), "dim"))
