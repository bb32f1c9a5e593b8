"""``GeminiLive``: how a conversation with the service begins and ends, and what can be said in it."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from offhook.config import SessionConfig
from offhook.errors import AuthenticationError, ConfigRejected, ConnectError, ImmutableConfig, Unsupported
from offhook.events import FunctionCall
from offhook.hookspecs import ConnectOptions, Delivery
from offhook.items import ConversationItem, InputImage, InputText, MessageItem
from offhook.wire import ChannelTransport, Dialer, Effects, End, Ending, sends
from offhook.wire.config import difference, names, to_wire
from offhook_gemini_live import outgoing
from offhook_gemini_live.dialer import dial
from offhook_gemini_live.opening import Opening
from offhook_gemini_live.options import GeminiLiveOptions, capabilities
from offhook_gemini_live.protocol import GeminiLiveProtocol

_LOGGER: Final = logging.getLogger(__name__)
#: RFC 6455. With 1007 and 1008 the service says that something was wrong with ours: it has no error frame.
_OUR_FAULT: Final = frozenset({1007, 1008})


class GeminiLive(ChannelTransport[GeminiLiveProtocol]):
    """The ``gemini-live`` transport. Audio passes through it as bytes: 16 kHz in, 24 kHz out."""

    def __init__(self, options: GeminiLiveOptions | None = None, *, dialer: Dialer | None = None) -> None:
        """Make a transport, disconnected. ``dialer`` opens the channel instead of a WebSocket."""
        options = self._options = options or GeminiLiveOptions()
        super().__init__(
            "gemini-live",
            capabilities(options),
            dialer or partial(dial, max_size=options.max_size, open_timeout_s=options.open_timeout_s),
            url=options.url,
            model=options.model,
            api_key=options.api_key,
            headers=options.headers,
            ack_timeout_s=options.ack_timeout_s,
        )
        self._config = SessionConfig()
        self._muted = False
        self._ids = itertools.count(1)

    def begin(self, options: ConnectOptions) -> tuple[GeminiLiveProtocol, Effects]:
        """Begin with the setup. Raises ``ConnectError`` for what the service cannot begin with."""
        self._config = options.config
        protocol = GeminiLiveProtocol(self.name, self._opening(options))
        return protocol, protocol.open()

    def ending(self, end: End) -> Ending:
        """Say what it means that the service is gone: what was wrong stands in its close code."""
        if end.code not in _OUR_FAULT or end.expiring:
            return super().ending(end)
        return Ending(reason="error", error=_refused(end))

    def _opening(self, options: ConnectOptions) -> Opening:
        config, handle = options.config, options.resume
        if options.call_id is not None:
            raise ConnectError("call_id names a call to attach to, and this service has none. Leave it out.")
        if unknown := outgoing.not_understood(config):
            _LOGGER.warning("this service has nothing like these settings: %s", ", ".join(sorted(unknown)))
        if handle is not None and handle.transport != self.name:
            raise ConnectError(f"the handle to resume with is one of {handle.transport!r}. Connect without it.")
        blocking, model = self.capabilities.blocking_calls, options.model or self._options.model
        return Opening(
            setup=outgoing.setup(config, model=model, handle=handle and handle.value, non_blocking=not blocking),
            # A session that is resumed has it.
            history=() if handle is not None else options.initial_history,
            turns=() if handle is not None else _turns(options.initial_history),
            input_format=outgoing.input_format(config),
            manual_turns=config.audio.input.turn_detection is None,
            blocking_calls=blocking,
            resumed=handle is not None,
        )

    @property
    def muted(self) -> bool:
        """Whether audio given to ``send_audio`` is kept back."""
        return self._muted

    async def send_event(self, event: Mapping[str, Any]) -> str:
        """Send a message of the service's own protocol as it is. It has no ids: the one given is ours alone."""
        self._talking("send_event()")
        await self._perform(sends([event]))
        return self._new_id("event")

    async def send_message(self, message: str | MessageItem, *, respond: bool = True) -> None:
        """Add a message and, with ``respond``, have it answered. The model falls silent for either.

        Raises ``Unsupported`` for an image that is only an address.
        """
        if isinstance(message, str):
            message = MessageItem(item_id="", role="user", content=(InputText(message),))
        await self._perform(self._talking("send_message()").send_message(message, respond=respond))

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Show the model an image, given as a ``data:`` URL."""
        await self.send_message(MessageItem(item_id="", role="user", content=(image,)), respond=respond)

    async def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send audio in ``session_ready.input_format``; ``commit`` ends the turn."""
        protocol = self._talking("send_audio()")
        await self._perform(protocol.send_audio(b"" if self._muted else audio, commit=commit))

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Have the model answer what there is, as soon as its turn is over (P8). The wish's id is ours alone."""
        protocol = self._talking("request_response()")
        if response:
            self._refuse("request_response() with a body", "turn_model=turn", "Put it in a message.")
        await self._perform(protocol.request_response(own=response is not None))
        return self._new_id("wish")

    async def update_session_config(self, config: SessionConfig) -> None:
        """Raise ``ImmutableConfig`` unless nothing of ``config`` differs: the setup is the first message, and the last."""
        self._talking("update_session_config()")
        changed = names(difference(to_wire(self._config), to_wire(config)))
        if changed:
            raise ImmutableConfig(changed, "Connect again with the new config; a resumed session takes it.")

    async def send_function_call_output(
        self,
        call: FunctionCall,
        output: str,
        start_response: bool = True,
        *,
        delivery: Delivery | None = None,
        final: bool = True,
    ) -> None:
        """Answer a call. The model goes on by itself; only for a call that does not hold the turn it can be kept silent."""
        protocol = self._talking("send_function_call_output()")
        offered = self.capabilities.deliveries
        if delivery is not None and delivery not in offered:
            self._refuse(f"delivery={delivery!r}", "deliveries", "Leave it out: the model answers by itself.")
        if not final and not offered:
            self._refuse("final=False", "deliveries", "Send one output: the turn waits for it.")
        if delivery is None and not start_response and "silent" in offered:
            delivery = "silent"
        await self._perform(protocol.send_function_call_output(call, output, delivery=delivery, final=final))

    async def interrupt(self, *, heard_ms: int | None = None) -> None:
        """Silence the model, here and at the service, which reckons by itself how much was heard."""
        await self._perform(self._talking("interrupt()").interrupt())

    async def mute(self, muted: bool) -> None:
        """Keep back what is given to ``send_audio``; the service is told that the user has stopped."""
        protocol = self._talking("mute()")
        ends, self._muted = muted and not self._muted, muted
        await self._perform(protocol.end_of_speech() if ends else [])

    def _new_id(self, kind: str) -> str:
        return f"local:{kind}_{next(self._ids)}"

    def _talking(self, operation: str) -> GeminiLiveProtocol:
        self._require_connected(operation)
        return self._protocol


def _turns(history: Sequence[ConversationItem]) -> list[dict[str, Any]]:
    try:
        return outgoing.history(history)
    except Unsupported as error:
        raise ConnectError(f"initial_history cannot be told to this service: {error}") from error


def _refused(end: End) -> ConnectError:
    why = f"close code {end.code}{f': {end.said}' if end.said else ''}".rstrip(".")
    if "api key" in end.said.lower():
        return AuthenticationError(f"the service refused the key ({why}). Check GEMINI_API_KEY.", code=str(end.code))
    refused = ConfigRejected if end.connecting else ConnectError
    return refused(f"the service refused what it was sent ({why}). Mend it, and connect again.", code=str(end.code))
