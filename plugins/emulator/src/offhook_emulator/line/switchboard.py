"""What a server's sessions have in common, and the calls that it holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from offhook_emulator.line.calls import Calls
from offhook_emulator.line.outbox import Observer
from offhook_emulator.line.runner import Listeners, SessionRunner
from offhook_emulator.model.model import RealtimeModel
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.voice.protocols import Voice, VoiceActivityDetector


@frozen(kw_only=True)
class Switchboard:
    """What every session of a server is made with. ``session_s`` is how long one may last, in seconds."""

    voice: Voice
    replies: Replies
    session_s: float = 3600
    observer: Observer | None = None
    calls: Calls = field(factory=Calls, init=False)

    def new_model(
        self,
        detector: VoiceActivityDetector,
        *,
        model: str | None,
        config: Mapping[str, Any] | None,
        service_plays: bool = False,
    ) -> RealtimeModel:
        """Make the model of a session. ``config`` is what it begins with; raises ``Refused`` where that is refused."""
        realtime = RealtimeModel(
            clock=asyncio.get_running_loop().time,
            hop_ms=detector.hop_ms,
            model=model,
            lifetime_s=self.session_s,
            expires_at=int(time.time() + self.session_s),
            service_plays=service_plays,
        )
        if config:
            realtime.session.update(config)
        return realtime

    def runner(
        self, model: RealtimeModel, detector: VoiceActivityDetector, listeners: Listeners, tasks: asyncio.TaskGroup
    ) -> SessionRunner:
        """Make what runs a session; its work belongs to ``tasks``."""
        return SessionRunner(
            model,
            voice=self.voice,
            detector=detector,
            replies=self.replies,
            outbox=listeners,
            tasks=tasks,
            observer=self.observer,
        )
