"""A telephone that nobody here wrote, to be run as a program: baresip, which can be there once in a process.

``python softphone.py URI HEARD.wav [--transport tcp] [--codec pcma] [--header NAME=VALUE]`` dials at once. Commands come as
lines on stdin (``speak FILE``, ``press KEYS``, ``hold``, ``resume``, ``hangup``); what happens is told as JSON on stdout, one
object a line. It ends when the call has, and leaves a recording of what was heard (WAV, PCM16 8 kHz).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

from baresip import Account, AudioNotActive, BaresipError, Call, Config, Event, Runtime, StackEvent, UserAgent

from offhook.audio.wav import read_wav, write_wav

_RATE_HZ = 8000
_FRAME_S = 0.02
_FRAME_BYTES = 320


def _tell(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Softphone:
    """One call."""

    def __init__(self) -> None:
        self._call: Call | None = None
        self._unsaid: deque[bytes] = deque()
        self.heard = bytearray()
        self.closed = asyncio.Event()

    def use(self, call: Call) -> None:
        """Hold ``call``; it may ring already."""
        self._call = call
        call.on_transfer_request(lambda request: _tell("transfer", target=request.target))

    def on_event(self, event: StackEvent) -> None:
        """Take an event of the stack."""
        match event.event:
            case Event.CALL_RINGING:
                _tell("ringing")
            case Event.CALL_ESTABLISHED:
                _tell("established")
            case Event.CALL_CLOSED:
                _tell("closed", reason=event.text)
                self.closed.set()
            case _:
                pass

    async def obey(self, commands: asyncio.StreamReader) -> None:
        """Do as told, line by line."""
        while line := (await commands.readline()).decode().strip():
            verb, _, argument = line.partition(" ")
            with contextlib.suppress(BaresipError):  # the far end was faster
                await self._do(verb, argument)

    async def _do(self, verb: str, argument: str) -> None:
        match verb:
            case "speak":
                pcm = read_wav(argument).at(_RATE_HZ).pcm
                self._unsaid.extend(pcm[at : at + _FRAME_BYTES] for at in range(0, len(pcm), _FRAME_BYTES))
            case "press":
                await self._call.send_dtmf(argument)
            case "hold" | "resume":
                await getattr(self._call, verb)()
                _tell(verb)
            case "transfer":
                await self._call.accept_transfer()
            case "hangup":
                await self._call.hangup()
            case _:
                raise ValueError(verb)

    async def talk(self) -> None:
        """Speak and listen, at the pace of speech."""
        while True:
            await asyncio.sleep(_FRAME_S)
            with contextlib.suppress(AudioNotActive):
                self.heard += self._call.audio.read(1 << 16)
                if self._unsaid:
                    self._call.audio.write(self._unsaid.popleft())


async def main(options: argparse.Namespace) -> None:
    """Hold one call."""
    runtime = Runtime()
    await runtime.start(Config(net_interface="127.0.0.1", extra_config_text="sip_listen 127.0.0.1:0\n"))
    account = Account(
        user="caller",
        domain="127.0.0.1",
        password="",
        reg_interval=0,
        transport=options.transport,
        audio_codecs=(options.codec,),
    )
    agent = await UserAgent.create(runtime, account)
    headers = dict(pair.split("=", 1) for pair in options.header)
    phone = Softphone()
    agent.on(phone.on_event)  # before it dials: nothing that happens is missed
    phone.use(await agent.dial(options.uri, headers=headers))
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    tasks = [asyncio.create_task(phone.obey(commands)), asyncio.create_task(phone.talk())]
    await phone.closed.wait()
    for task in tasks:
        task.cancel()
    write_wav(options.heard, bytes(phone.heard), _RATE_HZ)
    _tell("recorded")
    await runtime.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("heard", type=Path)
    parser.add_argument("--transport", default="udp")
    parser.add_argument("--codec", default="pcmu")
    parser.add_argument("--header", action="append", default=[])
    asyncio.run(main(parser.parse_args()))
