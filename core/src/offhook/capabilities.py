"""What a transport can do, as flags. The session asks these and never a transport's type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import Factory, frozen

from offhook.audio.formats import AudioFormat


@frozen(kw_only=True)
class Capabilities:
    """What a transport can do.

    Every default describes the weakest transport, so that a forgotten flag degrades and does not lie. Flags are readable
    before ``connect()`` (the best knowledge for the given options) and may only narrow until ``session_ready``.
    """

    #: ``response``: turns are responses with ids. ``turn``: the server owns turns. ``continuous``: there are none, so
    #: nothing may wait for ``turn_done``.
    turn_model: Literal["continuous", "turn", "response"] = "continuous"
    #: Both sides may speak at once; ``speech_started`` is then no interruption.
    full_duplex: bool = False
    #: Whose item ids: ``local`` ones are made by the transport and prefixed ``local:``.
    items: Literal["local", "server"] = "local"
    #: What can be done to the conversation so far: nothing, give it at connect, append, or edit it.
    history: Literal["none", "initial", "append", "mutable"] = "none"
    #: A message that is added without asking for a reply disturbs nobody. Elsewhere it may silence the assistant.
    quiet_messages: bool = False
    #: How far ``interrupt()`` reaches: not at all, silence here, or stop the model.
    cancel: Literal["none", "local", "server"] = "none"
    #: Who tells the model how much was heard.
    truncate: Literal["none", "server", "client"] = "none"
    #: Who decides where a user's turn ends; ``send_audio(commit=True)`` needs ``client`` or ``both``.
    turn_control: Literal["server", "client", "both"] = "server"
    #: ``clear_audio()`` works: audio that was sent and not committed can be taken back.
    clear_audio: bool = False
    #: ``request_response()`` works.
    request_response: bool = False
    #: ``turn_started`` tells which wish with a body of its own it answers. Elsewhere it is the first turn after the wish.
    request_ids: bool = False
    #: The model answers a function's output by itself; a reply is never asked for.
    auto_reply: bool = False
    #: The turn waits until every call is answered.
    blocking_calls: bool = False
    #: The server may withdraw calls (``function_call_cancelled``).
    cancels_calls: bool = False
    #: How an output may enter the talk: of ``speak``, ``when_idle``, ``silent``, ``interrupt``.
    deliveries: frozenset[str] = frozenset()
    #: Session config fields that ``update_session_config`` can change, in dotted form (``audio.output.voice``).
    mutable_config: frozenset[str] = frozenset()
    #: Who does the muting.
    mute: Literal["none", "local", "server"] = "none"
    #: The model only moves while input audio flows; the transport pads silence by itself.
    input_clock: bool = False
    #: Output audio comes at the pace of speech, or faster (then what was heard lags behind what was received).
    output_pacing: Literal["burst", "realtime"] = "burst"
    #: Formats taken and given, best first; empty where the media does not pass through the contract.
    input_formats: tuple[AudioFormat, ...] = ()
    output_formats: tuple[AudioFormat, ...] = ()
    #: Media travels outside the contract (an RTP stream, a phone line); ``send_audio`` may be refused.
    handles_audio: bool = False
    #: The model can answer in text alone.
    text_output: bool = False
    images: bool = False
    mcp: bool = False
    dtmf: bool = False
    #: How transcripts come: never, whole, in pieces to append, or as the whole text so far.
    input_transcripts: Literal["none", "final", "append", "replace"] = "none"
    output_transcripts: Literal["none", "final", "append", "replace"] = "none"
    #: Of ``input`` and ``output``: whose speech boundaries are told.
    speech_events: frozenset[str] = frozenset()
    #: How a lost session comes back: not, by replaying history, by the service's own handle, by a fork.
    resume: Literal["none", "replay", "native", "fork"] = "none"
    #: Of ``silent``, ``speakable``, ``instruction``: what ``send_context`` takes.
    context_modes: frozenset[str] = frozenset()
    #: The model hands work off (``work_started`` / ``work_done``).
    delegation: bool = False
    #: What ``*_ms`` positions in events count from.
    timeline: Literal["none", "input_audio", "session"] = "none"
    #: Flags of a newer contract, or of one vendor.
    extra: Mapping[str, Any] = Factory(dict[str, Any])
