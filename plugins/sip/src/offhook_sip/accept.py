"""What a call is accepted with: the config that its session will have, from the code that the session uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from offhook.agent import RealtimeAgent
from offhook.config import SessionConfig
from offhook.session.config import base_config, initial_config
from offhook.settings import Settings, load_settings, options_for
from offhook.wire.codec import as_object
from offhook.wire.config import to_wire
from offhook_sip.errors import TurnDetectionRefused
from offhook_sip.options import SIPOptions

#: What the API refuses when a call is accepted, in either spelling, and how each is told.
_REFUSED: Final[Mapping[str, tuple[str, ...]]] = {
    "threshold": ("threshold",),
    "prefix_padding_ms": ("prefix_padding_ms", "prefixPaddingMs"),
    "silence_duration_ms": ("silence_duration_ms", "silenceDurationMs"),
}


async def build_initial_config(
    agent: RealtimeAgent,
    config: SessionConfig | None = None,
    overrides: SessionConfig | None = None,
    *,
    options: SIPOptions | None = None,
    settings: Settings | None = None,
    context: Any = None,
) -> dict[str, Any]:
    """Build the body of ``Calls.accept``: what ``RealtimeSession(agent, transport="sip", …)`` will say when it attaches.

    ``config`` and ``settings`` (default: ``load_settings()``) are what that session gets; ``overrides`` beat everything,
    for the accepting only. The model is theirs, else that of ``options`` (default: ``[transports.sip]``). Audio formats go
    in only where they were asked for, because the phone line settles them; tracing never does, because it is said later.
    ``context`` is the session's, for instructions that are a function of it.

    Raises ``TurnDetectionRefused`` for a turn detection with threshold, prefix_padding_ms or silence_duration_ms.
    """
    settings = settings if settings is not None else load_settings()
    effective = await initial_config(agent, config, settings, context=context)
    wire = to_wire(overrides.over(effective) if overrides else effective)
    wire.pop("tracing", None)
    _check_turn_detection(wire)
    model = (options or options_for(settings, "sip", SIPOptions)).model
    return {"type": "realtime", **({"model": model} if model else {}), **wire}


def check_session(settings: Settings) -> None:
    """Raise ``TurnDetectionRefused`` where no call can be accepted with the config file's session, whoever answers."""
    _check_turn_detection(to_wire(base_config(None, settings)))


def _check_turn_detection(wire: Mapping[str, Any]) -> None:
    detection = as_object(as_object(as_object(wire.get("audio")).get("input")).get("turn_detection"))
    refused = [name for name, spellings in _REFUSED.items() if detection.keys() & {*spellings}]
    if refused:
        raise TurnDetectionRefused(refused)
