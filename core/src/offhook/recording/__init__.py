"""Recording a conversation to a file, and replaying it without a network.

::

    with record(session.transport, "call.jsonl"):
        async with session: ...

    session = RealtimeSession(agent, transport=replay("call.jsonl"))
"""

from __future__ import annotations

from offhook.recording.agent import recorded_agent
from offhook.recording.reader import Recording, read_recording
from offhook.recording.recorder import Recorder, record
from offhook.recording.replay import ReplayTransport, replay

__all__ = ["Recorder", "Recording", "ReplayTransport", "read_recording", "record", "recorded_agent", "replay"]
