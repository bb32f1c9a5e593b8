"""A sound card that is none: PulseAudio with a virtual microphone and a virtual loudspeaker.

``mic`` records what is played into the sink ``micfeed``; ``speaker.monitor`` records what is played on ``speaker``.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

RATE_HZ: Final = 24_000
#: A sound server starts within tenths of a second, unless the machine has something else to do.
_PATIENCE_S: Final = 20.0
_RAW: Final = (f"--rate={RATE_HZ}", "--channels=1", "--format=s16le", "--raw", "--latency-msec=20")
_MODULES: Final = (
    "module-native-protocol-unix",
    "module-null-sink sink_name=speaker rate=48000 channels=2 sink_properties=device.description=Speaker",
    "module-null-sink sink_name=micfeed rate=48000 channels=2 sink_properties=device.description=MicFeed",
    "module-remap-source source_name=mic master=micfeed.monitor source_properties=device.description=Mic",
)


@contextlib.contextmanager
def sound_server(folder: Path) -> Iterator[None]:
    """Run a sound server of our own, which is this process's default, and that of the programs it starts."""
    if shutil.which("pulseaudio") is None or shutil.which("pactl") is None:
        pytest.skip("no PulseAudio: apt-get install -y --no-install-recommends pulseaudio pulseaudio-utils")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        modules = [part for module in _MODULES for part in ("-L", module)]
        quiet = ("--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no", "--log-target=null")
        server = subprocess.Popen(["pulseaudio", "-n", *quiet, *modules])
        try:
            _wait_for_the_server()
            subprocess.run(["pactl", "set-default-sink", "speaker"], check=True)
            subprocess.run(["pactl", "set-default-source", "mic"], check=True)
            yield
        finally:
            server.terminate()
            server.wait(10)


def _wait_for_the_server() -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode:
        if time.monotonic() > deadline:
            pytest.fail("PulseAudio did not start")


@contextlib.asynccontextmanager
async def process(*command: str, **pipes: Any) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a program for as long as it is needed."""
    started = await asyncio.create_subprocess_exec(*command, **pipes)
    try:
        yield started
    finally:
        if started.stdin is not None:
            started.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()


@contextlib.asynccontextmanager
async def spoken(pcm: bytes) -> AsyncGenerator[None]:
    """Say PCM16 mono at 24 kHz into the virtual microphone, over and over."""
    async with process("pacat", "--playback", "--device=micfeed", *_RAW, stdin=subprocess.PIPE) as player:
        stdin = player.stdin
        assert stdin is not None

        async def say() -> None:
            while True:
                stdin.write(pcm)
                await stdin.drain()

        saying = asyncio.create_task(say())
        yield
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def say(pcm: bytes) -> None:
    """Say PCM16 mono at 24 kHz into the virtual microphone, once, and return when it is over."""
    async with process("pacat", "--playback", "--device=micfeed", *_RAW, stdin=subprocess.PIPE) as player:
        await player.communicate(pcm)


async def loudspeaker() -> AsyncIterator[bytes]:
    """Give what the virtual loudspeaker plays, in pieces of PCM16 mono at 24 kHz."""
    async with process("parec", "--device=speaker.monitor", *_RAW, stdout=subprocess.PIPE) as recorder:
        assert recorder.stdout is not None
        while piece := await recorder.stdout.read(960):
            yield piece
