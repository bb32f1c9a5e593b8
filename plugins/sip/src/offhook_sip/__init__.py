"""Phone calls: the ``sip`` transport, call control, and webhooks.

Names resolve on first use: the transport needs neither the HTTP client nor the webhook library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offhook_sip import errors
    from offhook_sip.accept import build_initial_config
    from offhook_sip.app import WebhookApp, webhook_app
    from offhook_sip.calls import Calls
    from offhook_sip.options import SIPOptions
    from offhook_sip.phone import PhoneCall
    from offhook_sip.receptionist import Receptionist
    from offhook_sip.transport import OpenAIRealtimeSIP
    from offhook_sip.webhooks import IncomingCall, WebhookEvent, Webhooks, incoming_call

#: Where each public name lives. The imports above say the same to type checkers; a test compares the two.
_MODULE_OF = {
    "Calls": "calls",
    "IncomingCall": "webhooks",
    "OpenAIRealtimeSIP": "transport",
    "PhoneCall": "phone",
    "Receptionist": "receptionist",
    "SIPOptions": "options",
    "WebhookApp": "app",
    "WebhookEvent": "webhooks",
    "Webhooks": "webhooks",
    "build_initial_config": "accept",
    "incoming_call": "webhooks",
    "webhook_app": "app",
}

__all__ = [
    "Calls",
    "IncomingCall",
    "OpenAIRealtimeSIP",
    "PhoneCall",
    "Receptionist",
    "SIPOptions",
    "WebhookApp",
    "WebhookEvent",
    "Webhooks",
    "build_initial_config",
    "errors",
    "incoming_call",
    "webhook_app",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module  # noqa: PLC0415  # as everything here: only where it is used

    if name == "errors":
        return import_module("offhook_sip.errors")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'offhook_sip' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"offhook_sip.{_MODULE_OF[name]}"), name)
    return value
