"""Reads a recording back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from offhook.errors import RecordingError
from offhook.recording.lines import Direction, End, Frame, Header, Line, from_json
from offhook.wire.codec import loads


@frozen(kw_only=True)
class RecordedConnection:
    """One connection: its frames in the order of the wire, and how it ended; ``None``: the recording stops before."""

    frames: Sequence[Frame] = field(repr=False)
    end: End | None = None


@frozen(kw_only=True)
class Recording:
    """What went over the wire. ``read_recording`` reads it from a file."""

    header: Header = Header()
    lines: Sequence[Frame | End] = field(repr=False)

    @property
    def sent(self) -> list[Mapping[str, Any]]:
        """The client's frames."""
        return self._events("sent")

    @property
    def received(self) -> list[Mapping[str, Any]]:
        """The service's frames."""
        return self._events("received")

    @property
    def connections(self) -> list[RecordedConnection]:
        """The connections, in order: a session that reconnects has several."""
        found: list[RecordedConnection] = []
        frames: list[Frame] = []
        for line in self.lines:
            if isinstance(line, Frame):
                frames.append(line)
            else:
                found.append(RecordedConnection(frames=frames, end=line))
                frames = []
        return [*found, RecordedConnection(frames=frames)] if frames else found

    def of(self, *kinds: str) -> list[Mapping[str, Any]]:
        """Give the service's frames of some types."""
        return [event for event in self.received if event.get("type") in kinds]

    def as_monologue(self) -> Recording:
        """Give the service's frames alone."""
        kept = [line for line in self.lines if isinstance(line, End) or line.direction == "received"]
        return evolve(self, lines=kept)

    def _events(self, direction: Direction) -> list[Mapping[str, Any]]:
        return [line.event for line in self.lines if isinstance(line, Frame) and line.direction == direction]


def read_recording(path: str | Path) -> Recording:
    """Read a recording. Raises ``RecordingError`` where the file cannot be read, or holds something else.

    Any file of lines ``{"direction": "sent" | "received", "event": {…}}`` is one. A last line that was cut is left out: the
    program that wrote it was killed.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise RecordingError(f"the recording {path} cannot be read: {error.strerror}. Check its name.") from error
    lines = [*_lines(path, data)]
    if not lines:
        raise RecordingError(f"the recording {path} is empty. Record a conversation: offhook record.")
    header = lines[0] if isinstance(lines[0], Header) else Header()
    return Recording(header=header, lines=[line for line in lines if not isinstance(line, Header)])


def _lines(path: str | Path, data: bytes) -> Iterator[Line]:
    # Bytes: in text, separators that JSON leaves as they are would end a line too.
    whole = data.splitlines()
    for number, line in enumerate(whole, 1):
        try:
            yield from_json(loads(line))
        except ValueError as error:
            if number == len(whole) > 1 and not data.endswith(b"\n"):
                return
            raise RecordingError(
                f"line {number} of {path} is no line of a recording: {error}. Give a file that offhook record wrote."
            ) from error
