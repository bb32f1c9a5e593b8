"""What goes into the protocol at the beginning, and what comes out of it: events to emit, and frames to send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from offhook.audio.formats import AudioFormat
from offhook.events import Event
from offhook.items import ConversationItem


@frozen
class Send:
    """A frame to send."""

    frame: Mapping[str, Any]


Effects: TypeAlias = list[Event | Send]


@frozen(kw_only=True)
class Opening:
    """How a conversation begins."""

    #: The body of the ``setup`` message.
    setup: Mapping[str, Any]
    history: Sequence[ConversationItem] = ()
    #: The same in the service's words.
    turns: Sequence[Mapping[str, Any]] = ()
    input_format: AudioFormat
    #: The client marks where the user's speech begins and ends.
    manual_turns: bool = False
    #: Calls hold the turn.
    blocking_calls: bool = True
    #: The service is asked to go on where it was.
    resumed: bool = False
