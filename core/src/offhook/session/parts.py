"""The parts of a session, put together for one connection, and which of them hears what, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from offhook.config import SessionConfig
from offhook.hookspecs import RealtimeTransportEventTypes, event_names
from offhook.session.agents import Agents
from offhook.session.approvals import Approvals, Standing
from offhook.session.chronicle import Chronicle
from offhook.session.conversation import Conversation
from offhook.session.floor import Floor
from offhook.session.handoffs import Handoffs
from offhook.session.prepare import ReadyAgent
from offhook.session.running import Runner
from offhook.session.speech import Speech
from offhook.session.tools import Tools
from offhook.tool import FailureFormatter

#: Every event but raw frames, which are only let through when somebody wants them.
TRANSPORT_EVENTS: Final = sorted(event_names(RealtimeTransportEventTypes) - {"raw_event"})
Handler = Callable[[Any], None]


@define(eq=False)
class Parts:
    """Everything that belongs to one connection."""

    conversation: Conversation
    base: SessionConfig
    first: ReadyAgent
    standing: Standing
    formatter: FailureFormatter | None = None
    agents: Agents = field(init=False)
    approvals: Approvals = field(init=False)
    chronicle: Chronicle = field(init=False)
    floor: Floor = field(init=False, factory=Floor)
    handoffs: Handoffs = field(init=False)
    speech: Speech = field(init=False)
    tools: Tools = field(init=False)
    _over: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        talk = self.conversation
        self.agents = Agents(talk, self.base, self.first)
        self.approvals = Approvals(talk, self.agents, self.standing)
        self.chronicle = Chronicle(talk)
        self.handoffs = Handoffs(talk, self.agents)
        self.speech = Speech(talk, self.agents)
        runner = Runner(talk, self.formatter)
        self.tools = Tools(talk, self.agents, self.approvals, self.handoffs, self.floor, runner)

    def routes(self) -> Mapping[str, Sequence[Handler]]:
        """Say who hears which event of the transport, in order. ``tell`` passes it on to the session's listeners."""
        tell = self.conversation.emit
        agents, approvals, chronicle, floor = self.agents, self.approvals, self.chronicle, self.floor
        speech, tools = self.speech, self.tools
        return dict.fromkeys(TRANSPORT_EVENTS, (tell,)) | {
            "speech_started": (tell, floor.speech_started),
            "speech_stopped": (tell, floor.speech_stopped),
            "turn_started": (speech.begin, floor.turn_started, tell, agents.turn_started, tools.turn_started),
            "turn_done": (chronicle.turn_done, floor.turn_done, tell, agents.turn_done, tools.turn_done),
            "audio": (speech.audio, tell),
            "audio_done": (tell, speech.audio_done),
            "audio_interrupted": (speech.begin, floor.output_speech_stopped, tell, tools.audio_interrupted),
            "output_speech_started": (tell, floor.output_speech_started, speech.output_speech_started),
            "output_speech_stopped": (tell, floor.output_speech_stopped, speech.output_speech_stopped),
            "audio_transcript_delta": (tell, chronicle.audio_transcript_delta),
            "input_transcript_delta": (tell, chronicle.input_transcript_delta),
            "item_update": (tell, chronicle.item_update),
            "item_deleted": (tell, chronicle.item_deleted),
            "function_call": (tell, tools.function_call),
            "function_call_cancelled": (tools.function_call_cancelled, tell),
            "mcp_approval_request": (tell, approvals.mcp_approval_request),
        }

    def end(self, reason: str) -> None:
        """The connection is over: stop all work, and say which calls were left without an output. Idempotent.

        Asked twice, a task that cleans up would be stopped in that too.
        """
        if self._over:
            return
        self._over = True
        self.tools.abandon(reason)
        self.conversation.tasks.cancel()
        self.agents.end()
