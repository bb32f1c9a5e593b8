"""The parts of a session, put together for one connection, and which of them hears what, in which order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from offhook.config import SessionConfig, TurnDetection
from offhook.events import Event
from offhook.hookspecs import RealtimeTransportEventTypes, event_names
from offhook.session.agents import Agents
from offhook.session.approvals import Approvals, Standing
from offhook.session.asking import Asking
from offhook.session.checks import Checks
from offhook.session.chronicle import Chronicle
from offhook.session.conversation import Conversation
from offhook.session.editing import Editing
from offhook.session.floor import Floor
from offhook.session.guardrails import Guardrails
from offhook.session.handoffs import Handoffs
from offhook.session.holdback import HoldBack
from offhook.session.hosted import Hosted
from offhook.session.input_gate import InputGate
from offhook.session.interruptions import Interrupting
from offhook.session.options import Options
from offhook.session.playout import Playout
from offhook.session.prepare import ReadyAgent
from offhook.session.responding import Responding
from offhook.session.running import Runner
from offhook.session.speech import Speech
from offhook.session.timing import Timing
from offhook.session.tools import Tools
from offhook.session.turns import Turns
from offhook.session.work import Work

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
    options: Options
    agents: Agents = field(init=False)
    approvals: Approvals = field(init=False)
    asking: Asking = field(init=False)
    chronicle: Chronicle = field(init=False)
    editing: Editing = field(init=False)
    floor: Floor = field(init=False, factory=Floor)
    interrupting: Interrupting = field(init=False)
    playout: Playout = field(init=False)
    responding: Responding = field(init=False)
    timing: Timing = field(init=False)
    turns: Turns = field(init=False)
    guardrails: Guardrails | None = field(init=False, default=None)
    handoffs: Handoffs = field(init=False)
    hosted: Hosted = field(init=False)
    input_gate: InputGate | None = field(init=False, default=None)
    speech: Speech = field(init=False)
    tools: Tools = field(init=False)
    work: Work = field(init=False)

    def __attrs_post_init__(self) -> None:
        talk = self.conversation
        self.agents = Agents(talk, self.base, self.first)
        self.approvals = Approvals(talk, self.agents, self.standing)
        self.chronicle = Chronicle(talk)
        self.editing = Editing(talk)
        self.handoffs = Handoffs(talk, self.agents)
        self.asking = Asking(talk, self.floor)
        self.hosted = Hosted(talk, self.agents, self.asking, self.options.reply_to_mcp_calls)
        self.agents.changed = self.hosted.refresh
        self.speech = Speech(talk, self.agents)
        self._guard(talk)
        self._take_turns(talk)
        runner = Runner(talk, self.options.failure_formatter)
        self.work = Work(talk, self.agents, self.options.work_handler)
        self.tools = Tools(talk, self.agents, self.approvals, self.handoffs, self.asking, runner)

    def _take_turns(self, talk: Conversation) -> None:
        """Who speaks when, who may cut whom short, and how fast it all is."""
        options, detection = self.options, self.base.audio.input.turn_detection
        self.playout = Playout(talk)
        self.speech.count = self.playout.audio
        self.timing = Timing(talk, self.playout, options.prices)
        self.playout.received, self.playout.heard = self.timing.received, self.timing.heard
        detection = detection if isinstance(detection, TurnDetection) else None
        self.interrupting = Interrupting(talk, self.floor, self.playout, options.interruptions, detection)
        self.agents.lasting = self.interrupting.shielded
        self.responding = Responding(talk, self.agents, self.interrupting)
        self.turns = Turns(
            talk, self.interrupting, self.timing, options.turns, options.pre_roll_ms, gate=self.input_gate
        )

    def _guard(self, talk: Conversation) -> None:
        """Put up the guardrails, where there are any."""
        guards = self.options.guards
        checks = Checks(talk, guards.settings)
        if guards.outputs:
            self.guardrails = Guardrails(talk, self.agents, self.floor, guards, checks)
        if self.guardrails and guards.hold_back_s:
            hold_back = HoldBack(talk.emit, self.guardrails.claim, guards.hold_back_s)
            self.guardrails.news = hold_back.release
            talk.emit = hold_back.tell
        if guards.inputs:
            self.input_gate = InputGate(talk, self.agents, self.floor, guards, checks)

    def routes(self) -> Mapping[str, Sequence[Handler]]:
        """Say who hears which event of the transport, in order. ``tell`` passes it on to the session's listeners."""
        tell = self.conversation.emit
        agents, approvals, chronicle, floor = self.agents, self.approvals, self.chronicle, self.floor
        speech, tools = self.speech, self.tools
        table: Mapping[str, Sequence[Handler]] = dict.fromkeys(TRANSPORT_EVENTS, (tell,)) | {
            "speech_started": (tell, floor.speech_started, chronicle.speech_started),
            "speech_stopped": (tell, floor.speech_stopped, chronicle.speech_stopped),
            "turn_started": (
                speech.turn_started,
                floor.turn_started,
                tell,
                agents.turn_started,
                self.asking.turn_started,
                tools.turn_started,
            ),
            "turn_done": (chronicle.turn_done, floor.turn_done, tell, agents.turn_done, tools.turn_done),
            "audio": (speech.audio,),
            "audio_done": (tell, speech.audio_done),
            "audio_interrupted": (
                speech.audio_interrupted,
                floor.output_speech_stopped,
                chronicle.audio_interrupted,
                tell,
                tools.audio_interrupted,
            ),
            "output_speech_started": (
                tell,
                floor.output_speech_started,
                speech.output_speech_started,
                chronicle.output_speech_started,
            ),
            "output_speech_stopped": (
                tell,
                floor.output_speech_stopped,
                speech.output_speech_stopped,
                chronicle.output_speech_stopped,
            ),
            "audio_transcript_delta": (tell, chronicle.audio_transcript_delta),
            "input_transcript_delta": (tell, chronicle.input_transcript_delta),
            "item_update": (tell, chronicle.item_update),
            "item_deleted": (tell, chronicle.item_deleted),
            "function_call": (tell, tools.function_call),
            "function_call_cancelled": (tools.function_call_cancelled, tell),
            "mcp_approval_request": (tell, approvals.mcp_approval_request),
            "mcp_tool_call_completed": (tell, self.hosted.mcp_tool_call_completed),
            "mcp_tools_listed": (tell, self.hosted.mcp_tools_listed),
            "work_started": (tell, self.work.work_started),
            "work_done": (self.work.work_done, tell),
        }
        turns = (self.playout, self.timing, self.interrupting, self.responding, self.turns)
        besides = [part.hears() for part in (*turns, self.guardrails, self.input_gate) if part]
        routes = {
            name: (*handlers, *(heard[name] for heard in besides if name in heard)) for name, handlers in table.items()
        }
        self.turns.tell = lambda event: in_order(routes[event.hook])(event)
        return routes

    def end(self, reason: str) -> None:
        """The connection is over: stop all work, and say which calls were left without an output. Idempotent.

        Asked twice, a task that cleans up would be stopped in that too.
        """
        if self.conversation.over:
            return
        self.conversation.over = True
        self.responding.end(reason)
        self.timing.end()
        self.tools.abandon(reason)
        self.work.abandon()
        self.conversation.tasks.cancel()
        self.agents.end()


def in_order(handlers: Sequence[Handler]) -> Handler:
    """Give one listener that calls ``handlers`` in turn: audio passes here, and a listener more for each piece is felt."""
    if len(handlers) == 1:
        return handlers[0]
    first, *others = handlers
    then = in_order(others)

    def hear(event: Event) -> None:
        first(event)
        then(event)

    return hear
