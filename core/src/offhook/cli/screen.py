"""What a conversation looks like in a terminal: who says what, as it is said, and what it took."""

from __future__ import annotations

from attrs import define, field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from offhook import events as e
from offhook.cli.conversation import Report
from offhook.session.events import ToolEnd, TranscriptEvent

_STYLES = {"user": ("you", "bold cyan"), "assistant": ("agent", "bold green")}


@define
class Screen:
    """Prints events. In a terminal the line that is being said grows; elsewhere only whole lines are printed."""

    console: Console = field(factory=Console)
    _growing: str | None = field(init=False, default=None)

    def show(self, event: e.Event) -> None:
        """Print what is worth seeing of ``event``."""
        match event:
            case TranscriptEvent():
                self._transcript(event)
            case ToolEnd():
                self._line("tool", "bold yellow", f"{event.tool.name}({event.call.arguments}) → {event.output}")
            case e.AudioInterrupted():
                self._line("", "dim", "(interrupted)")
            case e.ErrorEvent():
                self._line("error", "bold red", event.message)
            case _:
                pass

    def report(self, report: Report) -> None:
        """Print the table of what the conversation took."""
        self._end_line()
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
        self._end_line()
        self.console.print(text, style="dim", highlight=False, soft_wrap=True)

    def _transcript(self, event: TranscriptEvent) -> None:
        who, style = _STYLES[event.role]
        if event.final:
            self._erase_line(event.item_id)
            if event.text.strip():
                self._line(who, style, event.text.strip())
        elif self.console.is_terminal:
            self._grow(event, who, style)

    def _grow(self, event: TranscriptEvent, who: str, style: str) -> None:
        if self._growing != event.item_id:
            self._end_line()
            self._growing = event.item_id
        width = max(20, self.console.width - 8)
        shown = event.text.strip().replace("\n", " ")[-width:]
        self.console.print(Text.assemble("\r", (f"{who:>5} ", style), (shown, "italic dim")), end="", soft_wrap=True)

    def _erase_line(self, item_id: str | None) -> None:
        if self._growing is not None and self._growing == item_id:
            self.console.print("\r" + " " * (self.console.width - 1) + "\r", end="")
            self._growing = None

    def _line(self, who: str, style: str, text: str) -> None:
        self._end_line()
        self.console.print(Text.assemble((f"{who:>5} ", style), text), soft_wrap=True)

    def _end_line(self) -> None:
        if self._growing is not None:
            self.console.print()
            self._growing = None
