"""An application that is written with vision-agents, for the environment of ``vision_agents.requirements.txt``.

It calls the service that OPENAI_BASE_URL names, over WebRTC. Each line of its input is a JSON object: ``{"say": text}``,
``{"play": path}`` with PCM16 24 kHz mono, or ``{"echo": text}``, to know what came before it; at the end of its input it hangs
up. It prints what the client tells, a JSON object a line, with audio as base64 of PCM16 16 kHz mono.
"""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path

from aiortc import RTCIceGatherer
from getstream.video.rtc.track_util import AudioFormat, PcmData
from vision_agents.core.edge.types import Participant
from vision_agents.core.llm.events import LLMErrorEvent
from vision_agents.plugins.openai import Realtime

PERSON = Participant(original=None, user_id="person", id="person")


def tell(event: str, **fields: object) -> None:
    """Print an event. Audio is all that it holds which JSON does not know."""
    print(json.dumps({"event": event, **fields}, default=lambda pcm: b64encode(pcm.to_bytes()).decode()), flush=True)


def recording(path: str) -> PcmData:
    """Read somebody's speech."""
    return PcmData.from_bytes(Path(path).read_bytes(), sample_rate=24_000, format=AudioFormat.S16)


async def get_weather(city: str) -> str:
    """Be the tool."""
    tell("tool", city=city)
    return f"It is foggy in {city}."


async def on_error(event: LLMErrorEvent) -> None:
    """Tell of what the client calls an error."""
    tell("error", message=str(event.error))


async def tell_all(client: Realtime) -> None:
    """Tell what the client puts out."""
    async for event in client.output:
        tell(type(event).__name__, **asdict(event))


async def obey(client: Realtime) -> None:
    """Do what the input says, to its end."""
    wishes = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(wishes), sys.stdin)
    while line := await wishes.readline():
        match json.loads(line):
            case {"say": text}:
                async for _ in client.simple_response(text):
                    pass
            case {"play": path}:
                await client.process_audio(recording(path), PERSON)
            case {"echo": text}:
                tell("echo", text=text)


async def main() -> None:
    client = Realtime()
    client.set_instructions("You know the weather.")
    client.register_function(description="Tell the weather in a city.")(get_weather)
    client.events.subscribe(on_error)
    closed = asyncio.Event()
    peer = client.rtc.pc
    peer.on("connectionstatechange", lambda: closed.set() if peer.connectionState == "closed" else None)
    telling = asyncio.create_task(tell_all(client))
    await client.connect()
    await obey(client)
    await client.close()
    await closed.wait()  # it does not wait itself
    client.output.close()
    await telling


if __name__ == "__main__":
    # aiortc's own default is somebody's server on the internet, which nobody needs who calls their own machine.
    RTCIceGatherer.getDefaultIceServers = classmethod(lambda _: [])
    asyncio.run(main())
