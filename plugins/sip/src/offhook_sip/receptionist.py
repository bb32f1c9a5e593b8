"""Answers phone calls with an agent, from ringing to hang-up."""

from __future__ import annotations

import contextlib

from offhook._log import logger
from offhook.agent import RealtimeAgent
from offhook.errors import NotConnected, OffhookError
from offhook.events import ConnectionChange, ErrorEvent
from offhook.session import RealtimeSession
from offhook.settings import Settings, load_settings, options_for
from offhook_sip.accept import build_initial_config, check_session
from offhook_sip.calls import Calls
from offhook_sip.errors import CallNotFound
from offhook_sip.options import SIPOptions
from offhook_sip.phone import PhoneCall
from offhook_sip.transport import OpenAIRealtimeSIP
from offhook_sip.webhooks import IncomingCall

#: Not there now (RFC 3261, 21.4.18): the caller hears that at once, instead of ringing on.
_UNAVAILABLE = 480


class Receptionist:
    """Accepts every call, and is the session of its agent until either side hangs up. Give it to ``webhook_app``.

    Tools get a ``PhoneCall`` as their context. A session that ends while the caller is still there, because it failed or
    was cancelled, takes the call with it: nobody is left in dead air.
    """

    def __init__(
        self,
        agent: RealtimeAgent,
        calls: Calls,
        *,
        greeting: str | None = None,
        options: SIPOptions | None = None,
        settings: Settings | None = None,
    ) -> None:
        """``greeting`` is what the agent says first; without one, the caller speaks first.

        ``options`` beat ``[transports.sip]`` of ``settings``, which default to ``load_settings()``. Raises ``ConfigError``
        for a config that no call can be accepted with, so that it is known before the first one rings.
        """
        self._agent = agent
        self._calls = calls
        self._greeting = greeting
        self._settings = settings if settings is not None else load_settings()
        self._options = options or options_for(self._settings, "sip", SIPOptions)
        check_session(self._settings)
        self._live: set[str] = set()

    async def __call__(self, call: IncomingCall) -> None:
        """Answer ``call``, and return when it is over. Raises what the session raises, after hanging up."""
        if call.call_id in self._live:
            logger().info("call_already_answered", call_id=call.call_id)
            return
        self._live.add(call.call_id)
        try:
            await self._answer(call)
        except CallNotFound as error:
            logger().info("caller_gone", call_id=call.call_id, why=str(error))
        finally:
            self._live.discard(call.call_id)

    async def _answer(self, call: IncomingCall) -> None:
        context = PhoneCall(call, self._calls)
        await self._accept(call, context)
        logger().info("call_accepted", call_id=call.call_id)
        over = False
        try:
            over = await self._talk(call, context)
        finally:
            if not over:
                await self._hang_up(call)
            logger().info("call_ended", call_id=call.call_id)

    async def _accept(self, call: IncomingCall, context: PhoneCall) -> None:
        try:
            config = await build_initial_config(
                self._agent, options=self._options, settings=self._settings, context=context
            )
            await self._calls.accept(call.call_id, config)
        except CallNotFound:
            raise
        except BaseException:  # the agent's own functions may raise anything
            with contextlib.suppress(OffhookError):
                await self._calls.reject(call.call_id, _UNAVAILABLE)
            raise

    async def _talk(self, call: IncomingCall, context: PhoneCall) -> bool:
        """Be the agent; tells whether the far side ended the call."""
        session = RealtimeSession(
            self._agent,
            transport=OpenAIRealtimeSIP(self._options),
            context=context,
            call_id=call.call_id,
            settings=self._settings,
        )
        async with session:
            # A caller who hung up meanwhile is told by the events, and why.
            with contextlib.suppress(NotConnected):
                await self._greet(session)
            async for event in session:
                match event:
                    case ConnectionChange(status="disconnected", reason=reason):
                        return reason == "remote_hangup"
                    case ErrorEvent(message=message, code=code):
                        logger().warning("call_error", call_id=call.call_id, why=message, code=code)
                    case _:
                        pass
        return False

    async def _greet(self, session: RealtimeSession) -> None:
        if self._greeting:
            await session.request_response({"instructions": f"Say exactly: {self._greeting}"})

    async def _hang_up(self, call: IncomingCall) -> None:
        try:
            await self._calls.hangup(call.call_id)
        except CallNotFound:
            pass  # the caller was faster
        except OffhookError as error:
            logger().warning("hangup_failed", call_id=call.call_id, why=str(error))
