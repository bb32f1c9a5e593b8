"""Who has the floor: whether the user, the assistant, or nobody is speaking."""

from __future__ import annotations

import asyncio
from typing import Final

from attrs import define, field

from offhook.events import Event, TurnDone, TurnStarted

#: So soon after the user fell silent the service begins to answer, if it does so by itself.
_ANSWER_COMES_S: Final = 1.0


@define(eq=False)
class Floor:
    """Hears both sides. Whoever waits for a pause is woken by it."""

    user_speaks: bool = field(init=False, default=False)
    _assistant_speaks: bool = field(init=False, default=False)
    _turn: str | None = field(init=False, default=None)
    #: Whether the user was the last to speak: then somebody may be about to answer.
    _user_spoke: bool = field(init=False, default=False)
    _idle: asyncio.Event = field(init=False, factory=asyncio.Event)

    _taken: asyncio.Event = field(init=False, factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        self._idle.set()

    @property
    def free(self) -> bool:
        """Whether nobody speaks, and no turn is under way."""
        return not (self.user_speaks or self._assistant_speaks or self._turn is not None)

    @property
    def users(self) -> bool:
        """Whether the user speaks, and nobody has begun to answer."""
        return self.user_speaks and self._user_spoke

    @property
    def assistant_busy(self) -> bool:
        """Whether a turn of the assistant is under way, or the service says that it is audible."""
        return self._assistant_speaks or self._turn is not None

    async def wait_free(self) -> None:
        """Return as soon as nobody speaks, and nobody is about to."""
        while True:
            while not self.free:  # it may have been, and somebody was quicker
                await self._idle.wait()
            if not self._user_spoke:
                return
            try:
                async with asyncio.timeout(_ANSWER_COMES_S):
                    await self._taken.wait()
            except TimeoutError:
                return

    # Events.

    def speech_started(self, _: Event) -> None:
        """The user speaks."""
        self.user_speaks = self._user_spoke = True
        self._tell()

    def speech_stopped(self, _: Event) -> None:
        """The user is silent."""
        self.user_speaks = False
        self._tell()

    def output_speech_started(self, _: Event) -> None:
        """The assistant is heard."""
        self._assistant_speaks = True
        self._tell()

    def output_speech_stopped(self, _: Event) -> None:
        """The assistant is heard no more; so too after an interruption."""
        self._assistant_speaks = False
        self._tell()

    def turn_started(self, event: TurnStarted) -> None:
        """The assistant's turn is under way."""
        self._turn, self._user_spoke = event.turn_id, False
        self._tell()

    def turn_done(self, event: TurnDone) -> None:
        """It is over."""
        if self._turn == event.turn_id:
            self._turn = None
        self._tell()

    def _tell(self) -> None:
        now, before = (self._idle, self._taken) if self.free else (self._taken, self._idle)
        now.set()
        before.clear()
