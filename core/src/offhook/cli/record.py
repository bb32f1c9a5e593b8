"""``offhook record``: ``offhook talk``, and what goes over the wire kept in a file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.errors import complain
from offhook.cli.talk import AskedQuestion, Chosen, MicrophoneName, SpeakerName, Transport, Url, conduct
from offhook.recording import record as recorder_of
from offhook.session import RealtimeSession


def record(
    *,
    output: Annotated[
        Path, typer.Option(help="Write the recording here: JSON Lines. A file that is there is replaced.")
    ] = Path("recording.jsonl"),
    audio: Annotated[
        bool, typer.Option("--audio", help="Keep the audio, too. Otherwise only its length is kept.")
    ] = False,
    transport: Transport = None,
    url: Url = None,
    question: AskedQuestion = None,
    microphone: MicrophoneName = None,
    speaker: SpeakerName = None,
) -> None:
    """Talk as with offhook talk, and record the conversation. It holds what is said, and no key."""

    @contextmanager
    def recorded(session: RealtimeSession) -> Generator[None]:
        with recorder_of(session.transport, output, audio=audio) as recorder:
            try:
                yield
            finally:
                _tell(output, recorder.failure)

    chosen = Chosen(transport=transport, url=url, question=question, microphone=microphone, speaker=speaker)
    conduct(chosen, around=recorded)


def _tell(output: Path, failure: Exception | None) -> None:
    if failure is not None:
        complain(f"the recording stops early. {failure}")
    else:
        typer.echo(f"the recording is in {output}. To see it again: offhook replay {output}")
