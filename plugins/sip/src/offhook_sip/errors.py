"""Every error of phone calls; those without a line of their own stand in ``offhook.errors``.

::

    OffhookError
    ├── ConfigError
    │   └── TurnDetectionRefused        the API takes no such turn detection for a phone call
    ├── ConnectError                    connect() failed; the transport can be connected again
    │   ├── AuthenticationError ──────┐ the service refused the key, or there is none
    │   ├── MissingCallId             │ connect() was not told which call to attach to
    │   └── CallNotFound ───────────┐ │ there is no such call, or no longer: the caller hung up
    ├── CallError                   │ │ accept, reject, refer or hangup failed
    │   ├── CallNotFound ───────────┘ │
    │   ├── CallUnauthorized ─────────┘
    │   └── CallArgumentError           an argument that no service would take; nothing was sent
    └── WebhookError                    a webhook is not to be believed
        ├── WebhookForged               no signature matches: another secret, or another sender
        ├── WebhookStale                signed more than five minutes ago, or in the future
        ├── WebhookReplayed             it was taken before
        └── WebhookMalformed            rightly signed, and not what it should be

So ``except CallError`` catches whatever goes wrong with call control, ``except ConnectError`` whatever goes wrong with
attaching to the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from offhook.errors import AuthenticationError, ConfigError, ConnectError, OffhookError


class TurnDetectionRefused(ConfigError):
    """The config has turn detection ``fields`` that the API refuses for phone calls; all of them are named."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.fields = tuple(fields)
        super().__init__(
            f"the turn detection of a phone call cannot have {_and(self.fields)}: the API refuses to accept a call with "
            "that. Leave them out of the config, or of [session.audio.input.turn_detection]; semantic_vad, the default, "
            "finds turns by meaning and needs none of them."
        )


class MissingCallId(ConnectError):
    """``connect()`` was not told which call to attach to."""

    def __init__(self) -> None:
        super().__init__(
            "missing call_id: this transport attaches to a phone call that rang before. Take it from the webhook "
            "(IncomingCall.call_id) or from the command line, and give it to RealtimeSession(call_id=…) or "
            "connect(ConnectOptions(call_id=…)); `offhook calls serve` does it all."
        )


class CallError(OffhookError):
    """Call control failed. ``status`` is the HTTP status, ``code`` the service's own error code, where known."""

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class CallNotFound(CallError, ConnectError):
    """There is no call ``call_id``, or no longer. Usually the caller hung up, which is nobody's mistake."""

    def __init__(self, call_id: str, said: str = "", *, code: str | None = None) -> None:
        super().__init__(
            f"there is no call {call_id!r}{f' ({said})' if said else ''}. The caller has hung up, which needs no answer; or "
            "the id is wrong, or the call was not accepted yet: accept it first, with the id of its webhook, unchanged.",
            status=404,
            code=code,
        )
        self.call_id = call_id


class CallUnauthorized(CallError, AuthenticationError):
    """The service refused the key."""


class CallArgumentError(CallError):
    """An argument is one that no service would take; nothing was sent."""


class WebhookError(OffhookError):
    """A webhook is not to be believed, so it was not acted on. ``reason`` is all that the sender is told."""

    reason: ClassVar[str] = "not accepted"


class WebhookForged(WebhookError):
    """No signature matches the body: it was signed with another secret, changed on its way, or made up."""

    reason = "bad signature"


class WebhookStale(WebhookError):
    """Its timestamp is more than five minutes from now, in either direction."""

    reason = "timestamp outside the tolerance"


class WebhookReplayed(WebhookError):
    """A webhook with this id was taken before. Services do repeat themselves, so it is answered like the first one."""

    reason = "taken before"


class WebhookMalformed(WebhookError):
    """The signature is right, and the content is not what an event has to be."""

    reason = "not an event"


def _and(names: tuple[str, ...]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
