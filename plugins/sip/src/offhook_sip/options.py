"""What the ``[transports.sip]`` table may hold."""

from __future__ import annotations

from attrs import field, frozen

from offhook_websocket.options import WebSocketOptions


@frozen(kw_only=True)
class SIPOptions(WebSocketOptions):
    """Options of the ``sip`` transport: those of ``websocket``, which carries its events, and what phone calls add.

    ``url`` is for both, the socket and call control. ``model`` is what calls are accepted with.
    """

    #: What incoming webhooks are signed with (``whsec_…``); else ``OPENAI_WEBHOOK_SECRET``.
    webhook_secret: str | None = field(default=None, repr=False)
    #: How long accept, reject, refer and hangup may take, in seconds each.
    control_timeout_s: float = 10.0
