"""A telephone that nobody here wrote, to be run as a program: baresip, which can be there once in a process.

``python softphone.py URI HEARD.wav [--transport tcp] [--codec pcma] [--header NAME=VALUE]`` dials at once. Commands come as
lines on stdin (``speak FILE``, ``listen``, ``press KEYS``, ``hold``, ``resume``, ``transfer``, ``hangup``); what happens is
told as JSON on stdout, one object a line. It ends with its last call, and leaves a recording of what was heard (WAV).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from array import array
from pathlib import Path
from typing import Any

from baresip import (
    Account,
    AudioNotActive,
    AudioRestarted,
    BaresipError,
    Call,
    Config,
    Event,
    Runtime,
    StackEvent,
    UserAgent,
)

from offhook.audio.wav import read_wav, write_wav

_RATE_HZ = 8000
_FRAME_S = 0.02
_FRAME_BYTES = 320
_QUIET_BYTES = 20 * _FRAME_BYTES
_LOUD = 500
#: One large buffer that bridges the moments when the machine is busy with something else: nothing may be missing from what
#: is heard. The jitter buffer, however large it is made, drops and repeats frames then.
_CONFIG = """sip_listen 127.0.0.1:0
audio_buffer 600-3000
audio_jitter_buffer_type off
"""
_TOLD = {Event.CALL_RINGING: "ringing", Event.CALL_ESTABLISHED: "established", Event.CALL_CLOSED: "closed"}


def _tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Softphone:
    """One telephone. Speaks on the call that was made last; another is made where a transfer is taken."""

    def __init__(self) -> None:
        self._call: Call | None = None
        self._calls: list[int] = []
        self._open = 0
        self._unsaid = bytearray()
        self._listening = False
        self.heard = bytearray()
        self.over = asyncio.Event()

    def use(self, call: Call) -> None:
        """Hold ``call``; it may ring already."""
        self._call = call
        call.on_transfer_request(lambda request: _tell("transfer", target=request.target))

    def on_event(self, event: StackEvent) -> None:
        """Take an event of the stack."""
        if event.call and event.call not in self._calls:
            self._calls.append(event.call)
            self._open += 1
        if event.event in _TOLD:
            _tell(_TOLD[event.event], call=self._calls.index(event.call) + 1, reason=event.text)
        if event.event is Event.CALL_CLOSED:
            self._open -= 1
            if not self._open:
                self.over.set()

    async def obey(self, commands: asyncio.StreamReader) -> None:
        """Do as told, line by line."""
        while line := (await commands.readline()).decode().strip():
            verb, _, argument = line.partition(" ")
            with contextlib.suppress(BaresipError):  # the far end was faster
                await self._do(verb, argument)

    async def _do(self, verb: str, argument: str) -> None:
        call = self._call
        assert call
        match verb:
            case "speak":
                self._unsaid += read_wav(argument).at(_RATE_HZ).pcm
            case "listen":
                self._listening = True
            case "press":
                await call.send_dtmf(argument)
            case "hold":
                await call.hold()
                _tell("held")
            case "resume":
                await call.resume()
                _tell("resumed")
            case "transfer":
                self.use(await call.accept_transfer())
            case "hangup":
                await call.hangup()
            case _:
                raise ValueError(verb)

    async def talk(self) -> None:
        """Speak and listen; baresip keeps the pace of speech."""
        while True:
            await asyncio.sleep(_FRAME_S)
            with contextlib.suppress(AudioNotActive, AudioRestarted):
                if self._call:
                    self.heard += self._call.audio.read(1 << 16)
                    del self._unsaid[: self._call.audio.write(bytes(self._unsaid))]  # as much as there is room for
            if self._listening and self._is_quiet():
                self._listening = False
                _tell("quiet")

    def _is_quiet(self) -> bool:
        return max(map(abs, array("h", self.heard[-_QUIET_BYTES:])), default=0) < _LOUD


async def main(options: argparse.Namespace) -> None:
    """Hold one call."""
    runtime = Runtime()
    await runtime.start(Config(net_interface="127.0.0.1", extra_config_text=_CONFIG))
    account = Account(
        user="caller",
        domain="127.0.0.1",
        password="",
        reg_interval=0,
        transport=options.transport,
        audio_codecs=(options.codec,),
    )
    agent = await UserAgent.create(runtime, account)
    phone = Softphone()
    agent.on(phone.on_event)  # before it dials, so that nothing that happens is missed
    phone.use(await agent.dial(options.uri, headers=dict(pair.split("=", 1) for pair in options.header)))
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    tasks = [asyncio.create_task(phone.obey(commands)), asyncio.create_task(phone.talk())]
    await phone.over.wait()
    for task in tasks:
        task.cancel()
    write_wav(options.heard, bytes(phone.heard) or bytes(_FRAME_BYTES), _RATE_HZ)
    await runtime.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("heard", type=Path)
    parser.add_argument("--transport", default="udp")
    parser.add_argument("--codec", default="pcmu")
    parser.add_argument("--header", action="append", default=[])
    asyncio.run(main(parser.parse_args()))
