"""Opens sessions of the emulator in this process."""

from __future__ import annotations

from offhook.errors import ConnectError, OffhookError
from offhook.wire.channel import DialRequest
from offhook_emulator.line.inprocess import InProcessChannel
from offhook_emulator.line.switchboard import Switchboard
from offhook_emulator.options import EmulatorOptions
from offhook_emulator.replies import chosen
from offhook_emulator.replies.chat import Chat
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.voice import voice_from
from offhook_emulator.voice.protocols import Voice


class EmulatorDialer:
    """Makes a voice, replies and a session for each connection. ``voice`` is that of the last one."""

    def __init__(self, options: EmulatorOptions) -> None:
        self._options = options
        self.voice: Voice | None = None

    async def __call__(self, request: DialRequest) -> InProcessChannel:
        """Begin a session. Raises ``ConnectError`` where the voice is not installed, with what to install."""
        try:
            voice = self.voice = voice_from(self._options.voice)
        except OffhookError as error:
            raise ConnectError(_without_a_voice(error)) from error
        try:
            await voice.warm_up()
        except OffhookError as error:
            voice.close()
            raise ConnectError(_without_a_voice(error)) from error
        except BaseException:
            voice.close()
            raise
        replies = chosen(self._options.replies)
        # Who made them closes them: replies that an application gave are its own.
        ours = replies if replies is not self._options.replies else None

        async def let_go() -> None:
            await _close(voice, ours)

        switchboard = Switchboard(voice=voice, replies=replies, session_s=self._options.session_s)
        return InProcessChannel(switchboard, model=request.model, let_go=let_go)


async def _close(voice: Voice, replies: Replies | None) -> None:
    voice.close()
    if isinstance(replies, Chat):
        await replies.close()


def _without_a_voice(error: OffhookError) -> str:
    return f'{error} For tests there is a voice that needs nothing: voice = "scripted" in [transports.emulator].'
