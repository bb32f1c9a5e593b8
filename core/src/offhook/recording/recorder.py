"""Writes a conversation to a file, line by line, while it is held."""

from __future__ import annotations

import asyncio
import io
import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from offhook._log import logger
from offhook.errors import RecordingError
from offhook.events import ConnectionChange, RawEvent
from offhook.hookspecs import RealtimeTransportLayer
from offhook.recording.lines import Direction, End, Frame, Header, Line, to_json
from offhook.recording.redaction import Redactor
from offhook.wire.codec import as_object, dumps, loads


def record(transport: RealtimeTransportLayer, path: str | Path, *, audio: bool = False) -> Recorder:
    """Record what goes over ``transport`` to ``path``, from now until the recorder is closed or its ``with`` is left.

    Begin before it connects, so that nothing is missed; it may connect several times. A file that is there is replaced;
    only its owner may read the new one. ``audio`` keeps the audio; otherwise its length stands in its place. Raises
    ``RecordingError`` where the file cannot be written.
    """
    return Recorder(transport, Path(path), audio=audio)


class Recorder:
    """Made by ``record``.

    Each line is one unbuffered write to the end of the file. It takes microseconds (docs/record-and-replay.md has figures),
    which is less than handing it to a thread is worth: a program that is killed loses nothing, and no line is cut.
    """

    def __init__(self, transport: RealtimeTransportLayer, path: Path, *, audio: bool) -> None:
        self.path = path
        #: Why recording stopped early, if it did: a full disk, for example. The conversation goes on.
        self.failure: RecordingError | None = None
        self._transport = transport
        #: On the clock of the event loop, in seconds; from the first that happens.
        self._began: float | None = None
        self._started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._offhook = version("offhook")
        self._audio = audio
        self._redactor = Redactor(audio=audio)
        self._headed = False
        self._file = _opened(path)
        # Only the transport itself knows what it sends. Those over a message channel tell (``ChannelTransport``).
        on_sent = getattr(transport, "on_sent", None)
        self._tells_sent = callable(on_sent)
        self._stops = [
            transport.on("*", self._received),
            transport.on("connection_change", self._changed),
            *([on_sent(self._sent)] if on_sent is not None else []),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop recording. Idempotent."""
        for stop in self._stops:
            stop()
        self._stops = []
        self._file.close()

    def _received(self, event: RawEvent) -> None:
        if event.direction == "received":
            self._frame("received", event.payload)

    def _sent(self, text: str) -> None:
        self._frame("sent", as_object(loads(text)))

    def _frame(self, direction: Direction, event: object) -> None:
        self._write(Frame(direction=direction, event=self._redactor.redact(as_object(event)), at_ms=self._now()))

    def _changed(self, event: ConnectionChange) -> None:
        if event.status == "connecting":
            self._now()  # making the connection takes its time, too
            self._redactor = Redactor(audio=self._audio)
        elif event.status == "disconnected":
            self._write(End(reason=event.reason, code=event.code, at_ms=self._now()))

    def _now(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._began is None:
            self._began = now
        return round((now - self._began) * 1000, 1)

    def _write(self, line: Line) -> None:
        try:
            if not self._headed:
                self._headed = True
                self._append(self._header())
            self._append(line)
        except OSError as error:
            self._fail(error)

    def _append(self, line: Line) -> None:
        data = dumps(to_json(line)).encode() + b"\n"
        if self._file.write(data) != len(data):
            raise OSError("the disk took only a part of a line")

    def _header(self) -> Header:
        return Header(
            offhook=self._offhook,
            transport=self._transport.name,
            model=getattr(self._transport, "model", None),
            started_at=self._started_at,
            audio=self._audio,
            sent=self._tells_sent,
            capabilities=self._transport.capabilities,
        )

    def _fail(self, error: OSError) -> None:
        self.failure = _unwritable(self.path, error)
        logger().error("recording_stopped", path=str(self.path), why=str(error))
        self.close()


def _opened(path: Path) -> io.FileIO:
    def private(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)  # it holds what people said

    try:
        return io.FileIO(str(path), "w", opener=private)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> RecordingError:
    why = error.strerror or str(error)
    return RecordingError(f"the recording {path} cannot be written: {why}. Choose another place for it.")
