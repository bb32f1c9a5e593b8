"""Holding a conversation with an agent in one program: the emulator is the model, and a scripted voice is the user."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, cast

from attrs import frozen

from offhook.agent import RealtimeAgent
from offhook.audio.formats import AudioFormat
from offhook.plugins import make_transport
from offhook.session import RealtimeSession
from offhook.settings import Settings
from offhook.testing.conversation import Conversation, Exchange, exchange
from offhook.testing.user import SimulatedUser, SimulationError

#: As long as the service lets a session last.
_SESSION_S: Final = 3600.0


@frozen
class Says:
    """A turn of the user, with how it is said.

    ``written`` beats that of ``simulate``. With ``after_ms`` the user does not wait for the end of the reply before, but
    begins so many ms after its first sound.
    """

    text: str
    written: bool | None = None
    after_ms: int | None = None


#: A turn is what the user says, or something that the test does with the session.
Turn: TypeAlias = str | Says | Callable[[RealtimeSession], Awaitable[object]]


class _Emulator(Protocol):
    """What the ``emulator`` transport offers beyond the contract."""

    async def speech(self, text: str, audio_format: AudioFormat) -> bytes: ...


async def simulate(
    agent: RealtimeAgent,
    turns: Iterable[Turn],
    *,
    replies: str | Sequence[str | Mapping[str, Any]] | Any = "rules",
    written: bool = False,
    prepare: Callable[[RealtimeSession], object] | None = None,
    timeout_s: float = 120.0,
    voice: str = "scripted",
    **options: Any,
) -> Conversation:
    """Hold a conversation with ``agent``, and give all of it.

    ::

        conversation = run_virtual(simulate(agent, ["What is the weather in Paris?"]))

    Turns are spoken and heard as on a call, or sent as messages where they are ``written``. After each the user listens
    until the agent is done: replies made and heard to the end, tools answered. Who answers are the emulator's ``replies``:
    its rules, the entries of a scenario (``[{"when": "weather", "call": {…}, "then": "…"}, "Goodbye."]``), a scenario's file
    (``script:FILE``) or an object with ``reply()``. ``options`` are those of ``RealtimeSession`` (``context``, ``config``,
    ``output_guardrails`` …); no file and no environment is read. ``prepare`` is given the session before it connects, to
    listen to it. ``voice="real"`` is the emulator's real voice and hearing instead of the one that tests have.

    It takes as long as speaking does, so run it in virtual time. Raises ``PluginNotFound`` without ``offhook-emulator``,
    ``ConfigError`` for ``replies`` that are none, ``SimulationError`` where the agent is not done ``timeout_s`` seconds
    after a turn, and what turns and ``prepare`` raise.
    """
    # All of its options, so that none comes from the environment.
    transport = make_transport("emulator", settings=Settings(), voice=voice, replies=replies, session_s=_SESSION_S)
    session = RealtimeSession(agent, transport=transport, **options)
    user = SimulatedUser(session, cast("_Emulator", transport).speech)
    if prepare is not None:
        prepare(session)
    talk = _Talk(session, user, written=written, timeout_s=timeout_s)
    began = asyncio.get_running_loop().time()
    async with session:
        await talk.hold(list(turns))
        return Conversation(
            exchanges=talk.exchanges(),
            history=session.history,
            events=tuple(user.events),
            agents=tuple(user.agents),
            usage=session.usage,
            duration_s=asyncio.get_running_loop().time() - began,
        )


@frozen
class _Held:
    """A turn that is over: what was said, and the items that it added to the history."""

    said: str
    item_ids: tuple[str, ...]
    agent: str


class _Talk:
    """Takes one turn after the other."""

    def __init__(self, session: RealtimeSession, user: SimulatedUser, *, written: bool, timeout_s: float) -> None:
        self._session = session
        self._user = user
        self._written = written
        self._timeout_s = timeout_s
        self._held: list[_Held] = []

    async def hold(self, turns: Sequence[Turn]) -> None:
        """Take all turns."""
        known = {item.item_id for item in self._session.history}
        for number, turn in enumerate(turns):
            following = turns[number + 1] if number + 1 < len(turns) else None
            await self._take(turn, following)
            added = [item.item_id for item in self._session.history if item.item_id not in known]
            known.update(added)
            said = turn if isinstance(turn, str) else turn.text if isinstance(turn, Says) else ""
            self._held.append(_Held(said, tuple(added), self._session.agent.name))

    def exchanges(self) -> tuple[Exchange, ...]:
        """Give the turns as they stand in the history now: an output may come after its turn."""
        items = {item.item_id: item for item in self._session.history}
        return tuple(
            exchange(
                held.said,
                [items[item_id] for item_id in held.item_ids if item_id in items],
                agent=held.agent,
                callers=self._user.callers,
            )
            for held in self._held
        )

    async def _take(self, turn: Turn, following: Turn | None) -> None:
        after_ms = following.after_ms if isinstance(following, Says) else None
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._say(turn)
                if after_ms is not None:
                    await self._user.has_heard(after_ms)
                else:
                    await self._user.is_answered(wanted=not callable(turn))
        except TimeoutError as error:
            raise SimulationError(
                f"the agent was not done {self._timeout_s:g} s after {_shown(turn)}: {self._user.waits_for()}. Look there, "
                "or give it more time with timeout_s."
            ) from error

    async def _say(self, turn: Turn) -> None:
        self._user.begins()
        if isinstance(turn, str):
            turn = Says(turn)
        if not isinstance(turn, Says):
            await turn(self._session)
        elif self._written if turn.written is None else turn.written:
            await self._session.send_message(turn.text)
        else:
            await self._user.says(turn.text)


def _shown(turn: Turn) -> str:
    text = turn.text if isinstance(turn, Says) else turn
    return f"the user said {text!r}" if isinstance(text, str) else f"{getattr(turn, '__name__', 'a turn')}()"
