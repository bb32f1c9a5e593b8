"""``RealtimeSession``: a conversation of one agent over one transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from offhook.agent import RealtimeAgent
from offhook.items import InputImage, MessageItem
from offhook.session.approvals import Decision
from offhook.session.connection import SessionConnection
from offhook.session.editing import Edit
from offhook.session.events import ToolApprovalRequested
from offhook.session.given import required
from offhook.session.responding import Reply, Tool

_REQUEST: Final = "Pass the event of tool_approval_requested."


class RealtimeSession(SessionConnection):
    """A live conversation: connects on ``async with``, tells what happens on ``async for`` or ``.on``, runs the tools.

    ::

        async with RealtimeSession(agent, transport="websocket") as session:
            await session.send_message("What is the weather in Paris?")
            async for event in session: ...
    """

    # Commands.

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Say something to the model in writing and, with ``respond``, ask for a reply."""
        required(
            message, str | MessageItem, "send_message()", "Pass a text or a MessageItem; speech goes to send_audio()."
        )
        await self.transport.send_message(message, respond=respond)

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send audio in the session's input format; ``commit`` ends the turn where the client may.

        With ``turns="manual"``, audio outside a turn is not sent, and the last ``pre_roll_ms`` of it open the next one.
        """
        await self._live("send_audio()").turns.send_audio(audio, commit=commit)

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image."""
        await self.transport.add_image(image, respond=respond)

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Ask for a reply, now or as soon as the service is free; gives the wish's id, as the transport does."""
        return await self.transport.request_response(response)

    async def respond(
        self,
        message: str | MessageItem | None = None,
        *,
        instructions: str | None = None,
        tools: Sequence[Tool] | None = None,
        interruptible: bool = True,
        **response: Any,
    ) -> Reply:
        """Say ``message``, if given, and ask for a reply of its own, which can be awaited.

        ``instructions`` and ``tools`` are this reply's, instead of the agent's. Unless ``interruptible``, nothing that the
        user says cuts it short, from now until it has been heard. ``response`` are further fields of a response, in the
        service's own words (``output_modalities``, ``max_output_tokens``, ``metadata`` …).

        Raises ``Unsupported`` where replies cannot be asked for, or waited for, or shielded, and what the transport raises.
        """
        if instructions is not None:
            response["instructions"] = instructions
        parts = self._live("respond()")
        return await parts.responding.ask(message, response, tools, interruptible=interruptible)

    async def begin_turn(self) -> None:
        """Begin a turn of the user's: what ``send_audio()`` is given belongs to it. An assistant that speaks is interrupted.

        For ``turns="manual"``, as the next two. Raises ``TurnError`` where a turn has begun already.
        """
        await self._live("begin_turn()").turns.begin()

    async def end_turn(self, *, respond: bool = True) -> None:
        """End the turn and, with ``respond``, ask for a reply.

        Raises ``TurnError`` where none has begun, or where it has under 100 ms of audio, which no service takes; it then
        goes on.
        """
        await self._live("end_turn()").turns.end(respond=respond)

    async def cancel_turn(self) -> None:
        """Take the turn back: what was said in it is forgotten, here and at the service.

        Raises ``TurnError`` where none has begun, and ``Unsupported`` where the service does not forget (``clear_audio``).
        """
        await self._live("cancel_turn()").turns.cancel()

    async def interrupt(self) -> None:
        """Stop the assistant: it is cancelled, what is buffered is flushed, and its tools go on.

        This holds whatever ``interruptions`` and ``respond(interruptible=…)`` say: they are about the user's speech.
        """
        if self._parts is not None:
            self._parts.timing.interrupt()
        await self.transport.interrupt()

    async def mute(self, muted: bool) -> None:
        """Mute or unmute the input."""
        await self.transport.mute(muted)

    def played(self, ms: float) -> None:
        """Report that ``ms`` more of the audio was played, in order, so that an interruption is exact.

        Where the client is not the one to tell the service, only this session learns of it.
        """
        if self._parts is not None:
            self._parts.playout.played(ms)
        if self.transport.capabilities.truncate == "client":
            self.transport.played(ms)  # type: ignore[attr-defined]  # the flag says that it is there

    # What the application decides.

    async def update_agent(self, agent: RealtimeAgent, *, speak_first: bool = False) -> None:
        """Hand the conversation to ``agent`` and, with ``speak_first``, have it say something.

        Calls of turns that began before are served by the agent that they were made to. Raises ``ToolError`` where two of
        its tools have one name, ``ImmutableConfig`` where the model cannot be told who it is now, and then nothing changed.
        """
        required(agent, RealtimeAgent, "update_agent()", "Pass an agent: RealtimeAgent(name=…).")
        await self._live("update_agent()").handoffs.to(agent)
        if speak_first:
            await self.transport.request_response()

    async def update_history(self, history: Edit) -> None:
        """Edit the conversation: the new history, or a function that makes it of the one there is.

        ``session.history`` changes when the service has done it. Raises ``HistoryError`` for an edit that cannot be made
        (speech of the assistant, calls), ``Unsupported`` where the transport takes none; then nothing was sent.
        """
        await self._live("update_history()").editing.update(history)

    async def approve(self, request: ToolApprovalRequested, *, always: bool = False) -> None:
        """Let a call go on; with ``always``, all later calls of that tool by that agent too.

        A request that was decided stays so. Raises ``ToolError`` for one of an earlier connection.
        """
        required(request, ToolApprovalRequested, "approve()", _REQUEST)
        await self._live("approve()").approvals.decide(request, Decision(approved=True), always=always)

    async def reject(self, request: ToolApprovalRequested, *, message: str | None = None, always: bool = False) -> None:
        """Refuse a call; the model reads ``message``. Otherwise like ``approve``."""
        required(request, ToolApprovalRequested, "reject()", _REQUEST)
        decision = Decision(approved=False, message=message)
        await self._live("reject()").approvals.decide(request, decision, always=always)
