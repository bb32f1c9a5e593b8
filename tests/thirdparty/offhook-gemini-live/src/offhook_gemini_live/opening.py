"""How a conversation begins, in the service's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from offhook.audio.formats import AudioFormat
from offhook.items import ConversationItem


@frozen(kw_only=True)
class Opening:
    """What goes into the protocol at the beginning."""

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
