"""``OpenAIRealtimeSIP``: the Realtime dialect beside a phone call, whose audio flows elsewhere."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from offhook.errors import ConnectError
from offhook.hookspecs import ConnectOptions
from offhook.realtime.capabilities import REALTIME_CAPABILITIES
from offhook.realtime.transport import OpenAIRealtimeBase
from offhook.wire.channel import Dialer, DialRequest, MessageChannel
from offhook_sip.accept import build_initial_config
from offhook_sip.errors import CallNotFound, MissingCallId
from offhook_sip.keys import check_key, key_of_the_environment
from offhook_sip.options import SIPOptions
from offhook_websocket.dialer import WebSocketDialer

_NOT_FOUND: Final = 404

#: The line settles the audio's format and its pace, and the service knows what of it was heard. That a call can be
#: attached to again after the socket was lost is not promised by anyone, and its history must not be said twice.
SIP_CAPABILITIES: Final = evolve(
    REALTIME_CAPABILITIES,
    truncate="server",
    turn_control="server",
    clear_audio=False,
    mutable_config=REALTIME_CAPABILITIES.mutable_config - {"audio.input.format", "audio.output.format"},
    output_pacing="realtime",
    input_formats=(),
    output_formats=(),
    handles_audio=True,
    dtmf=True,
    speech_events=frozenset({"input", "output"}),
    resume="none",
)


class OpenAIRealtimeSIP(OpenAIRealtimeBase):
    """The ``sip`` transport: attaches to a phone call that was accepted. Caller and service hear each other without us.

    An interruption is told to the service, which stops speaking and knows what was heard. Keys that the caller presses
    come as ``dtmf`` events.
    """

    build_initial_config = staticmethod(build_initial_config)

    def __init__(self, options: SIPOptions | None = None) -> None:
        options = options or SIPOptions()
        super().__init__(
            "sip",
            _Attach(options.dialer or WebSocketDialer(options)),
            url=options.url,
            api_key=options.api_key or key_of_the_environment,
            headers=options.headers,
            capabilities=SIP_CAPABILITIES,
            ack_timeout_s=options.ack_timeout_s,
            service_plays=True,
        )

    async def connect(self, options: ConnectOptions | None = None) -> None:
        """Attach to the call ``options.call_id``, and return when the service has accepted the config (P1).

        Raises ``MissingCallId`` without one (then nothing is told to anyone), ``CallNotFound`` where there is no such
        call, and whatever connecting raises.
        """
        if options is None or not options.call_id:
            raise MissingCallId
        await super().connect(options)

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:  # noqa: ARG002  # the contract's signature
        """Refuse: the caller's voice reaches the service over the phone line."""
        self._refuse(
            "send_audio()",
            "handles_audio=True",
            "Audio travels on the phone line between caller and service; to say something, use send_message() or "
            "request_response().",
        )


class _Attach:
    """The socket's dialer, with errors that speak of calls: its 404 can only mean that there is none."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer

    async def __call__(self, request: DialRequest) -> MessageChannel:
        check_key(request.api_key, request.headers)
        try:
            return await self._dialer(request)
        except ConnectError as error:
            if error.status != _NOT_FOUND:
                raise
            raise CallNotFound(request.call_id or "", code=error.code) from error
