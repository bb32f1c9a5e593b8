"""What the Worker under test does: real sessions, found by name. Each scenario gives what it saw, as JSON.

Everything is imported at module level on purpose: a Worker has neither entropy, timers nor I/O there.
"""

import asyncio
import base64
import gc
import hashlib
import sys
import threading
import time

import offhook_cloudflare.plugin
from offhook import OffhookError, RealtimeAgent, RealtimeSession, SessionConfig, function_tool
from offhook.discovery import TRANSPORTS, find
from offhook.settings import load_settings
from offhook_cloudflare import WorkerChannel

SCENARIOS = {}
TEXT_ONLY = SessionConfig(output_modalities=("text",))
#: No scenario waits longer for anything.
PATIENCE_S = 15


def scenario(function):
    async def run(**arguments):
        async with asyncio.timeout(PATIENCE_S):
            return await function(**arguments)

    SCENARIOS[function.__name__] = run
    return run


@function_tool
def get_weather(city: str) -> str:
    """Say what the weather is like in a city."""
    return f"It is sunny in {city}."


@function_tool
async def get_time(city: str) -> str:
    """Say what time it is in a city."""
    await asyncio.sleep(0)
    return f"It is noon in {city}."


AGENT = RealtimeAgent(name="Worker", instructions="Be brief.", tools=[get_weather, get_time])


def open_session(url, key="sk-worker", config=None):
    return RealtimeSession(AGENT, transport="cloudflare", url=url, api_key=key, config=config)


async def answer(session, events):
    """Wait for a turn that ends in words."""
    async for event in events:
        if event.text:
            return event.text
    raise AssertionError(f"the session ended without an answer: {session.history}")


async def ask(session, question):
    events = session.events("agent_end")
    await session.send_message(question)
    return await answer(session, events)


@scenario
async def environment():
    thread = threading.Thread(target=int)
    try:
        thread.start()
        threads = True
    except RuntimeError:
        threads = False
    began = time.monotonic()
    sum(range(2_000_000))
    return {
        "python": list(sys.version_info[:2]),
        "plugin": find(TRANSPORTS, "cloudflare", load_settings()).entry_point.load() is offhook_cloudflare.plugin,
        "speedups": sorted({"orjson", "pybase64", "numpy"} & sys.modules.keys()),
        "threads": threads,
        "clock_stands_still": time.monotonic() == began,
    }


@scenario
async def connect(url, key="sk-worker"):
    session = open_session(url, key)
    ready = []
    session.on("session_ready", lambda event: ready.append(event.session_id))
    try:
        async with session:
            status = session.transport.status
    except OffhookError as error:
        return {"error": type(error).__name__, "message": str(error), "after": session.transport.status}
    return {"status": status, "ready": ready, "after": session.transport.status}


@scenario
async def text_turn(url, question):
    async with open_session(url, config=TEXT_ONLY) as session:
        pieces = []
        session.on("output_text_delta", lambda event: pieces.append(event.text))
        text = await ask(session, question)
        return {"answer": text, "pieces": "".join(pieces), "history": [item.text for item in session.history]}


@scenario
async def tool_turn(url, question):
    async with open_session(url, config=TEXT_ONLY) as session:
        outputs, errors = [], []
        session.on("agent_tool_end", lambda event: outputs.append([event.tool.name, event.output]))
        session.on("error", lambda event: errors.append(event.message))
        return {"answer": await ask(session, question), "outputs": outputs, "errors": errors}


@scenario
async def audio_turn(url, audio):
    """Speak PCM16 at 24 kHz, 20 ms at a time, then fall silent and listen."""
    async with open_session(url) as session:
        heard, words = hashlib.sha256(), []
        session.on("audio", lambda event: heard.update(event.data))
        session.on("transcript", lambda event: words.append([event.role, event.text]) if event.final else None)
        events = session.events("agent_end")
        speech = base64.b64decode(audio) + bytes(48_000)
        for at in range(0, len(speech), 960):
            await session.send_audio(speech[at : at + 960])
        return {"answer": await answer(session, events), "words": words, "heard": heard.hexdigest()}


@scenario
async def interruption(url):
    async with open_session(url) as session:
        received = 0.0
        events = session.events("audio", "audio_interrupted", "turn_done")
        await session.send_message("Tell me a very long story.")
        while received < 600:
            received += (await anext(events)).audio_ms
        session.played(500)
        await session.interrupt()
        interrupted, status, late, fresh = None, None, 0, 0
        async for event in events:
            match event.hook:
                case "audio_interrupted":
                    interrupted = event
                case "audio" if interrupted is not None:
                    late += event.epoch <= interrupted.epoch
                    fresh += event.epoch > interrupted.epoch
                case "turn_done" if status is None:
                    status = event.status
                    await session.send_message("Hello")
                case "turn_done":
                    break
        return {"heard_ms": interrupted.heard_ms, "status": status, "late": late, "fresh": fresh}


@scenario
async def until_closed(url):
    session = open_session(url)
    events = session.events("error", "connection_change")  # from now on: the end may come with the beginning
    async with session:
        seen = [event async for event in events]
    end = seen[-1]
    return {
        "end": {"reason": end.reason, "code": end.code, "recoverable": end.recoverable},
        "errors": [event.message for event in seen if event.hook == "error"],
    }


@scenario
async def big_frame(url, size):
    async with open_session(url) as session:
        echoed = asyncio.get_running_loop().create_future()

        def look(event):
            if event.payload["type"] == "conversation.item.done":
                echoed.set_result(len(event.payload["item"]["content"][0]["text"]))

        session.on("*", look)
        await session.send_message("y" * int(size), respond=False)
        return await echoed


@scenario
async def two_sessions(url):
    async def one(city):
        async with open_session(url, config=TEXT_ONLY) as session:
            return [await ask(session, f"What is the weather in {city}?"), await ask(session, "Thank you!")]

    return await asyncio.gather(one("Paris"), one("Rome"))


@scenario
async def first_frames(url):
    session = open_session(url)
    seen = []
    session.on("*", lambda event: seen.append(event.payload["type"]))
    async with session:
        return seen


@scenario
async def cycles(url, count):
    """Connect and close, every third time while connecting; tell what is left."""
    before = len(asyncio.all_tasks())
    ends = []
    for number in range(int(count)):
        session = open_session(url)
        connecting = asyncio.create_task(session.connect())
        if number % 3 == 0:
            # One turn of the loop per try: a different moment of connecting each time.
            for _ in range(number // 3 % 12):
                await asyncio.sleep(0)
            await session.close()
        (result,) = await asyncio.gather(connecting, return_exceptions=True)
        await session.close()
        ends.append(type(result).__name__)
    del session, connecting, result
    gc.collect()
    return {
        "ends": {name: ends.count(name) for name in ends},
        "tasks_left": len(asyncio.all_tasks()) - before,
        # One whose listeners were not taken off would be held by the JavaScript side.
        "channels_left": sum(isinstance(thing, WorkerChannel) for thing in gc.get_objects()),
    }
