"""The recipes do what they say: their parts are put together the way a reader does it, with an emulator at the far end."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx2
import pytest
from e2e_tools import ROOT
from wire import PATIENCE_S

from offhook import AudioTranscriptDelta
from offhook_emulator.replies.rules import Rules
from offhook_emulator.server import Emulator
from offhook_emulator.voice.scripted import ScriptedVoice
from offhook_webrtc import OpenAIRealtimeWebRTC, WebRTCOptions

_FENCE = re.compile(r"^```py\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _module(name: str) -> dict[str, Any]:
    """Run the fragments of a recipe as one module."""
    page = ROOT / "docs" / "recipes" / name
    module: dict[str, Any] = {"__name__": page.stem}
    exec(compile("\n".join(_FENCE.findall(page.read_text())), page, "exec"), module)  # noqa: S102  # our own documentation
    return module


async def _ask(caller: OpenAIRealtimeWebRTC, question: str) -> str:
    """Write a question, and give what is said in the end."""
    spoken = caller.events("audio_transcript_delta")
    await caller.send_message(question)
    async for event in spoken:
        if isinstance(event, AudioTranscriptDelta) and event.final:
            return event.text
    raise AssertionError("the call ended without an answer")


async def test_a_page_in_the_browser_has_its_tools_in_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A caller over WebRTC stands in for the page: a transport alone, as the page has it."""
    async with asyncio.timeout(PATIENCE_S), Emulator(voice=ScriptedVoice(), replies=Rules()) as emulator:
        monkeypatch.setenv("OPENAI_BASE_URL", emulator.url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        server = _module("browser-page-with-tools-in-python.md")
        transport = httpx2.ASGITransport(app=server["app"])
        async with httpx2.AsyncClient(transport=transport, base_url="https://page.example") as page:
            assert (await page.post("/calls/rtc_unknown")).status_code == 404
            given = (await page.post("/secret")).json()
            assert given["key"].startswith("ek_")
            options = WebRTCOptions(url=given["calls"], api_key=given["key"], input=None, output=None)
            caller = OpenAIRealtimeWebRTC(options)
            await caller.connect()
            assert (await page.post(f"/calls/{caller.call_id}")).status_code == 204
            assert await _ask(caller, "What is the weather in Paris?") == "It is sunny in Paris."
            await caller.close()
        await asyncio.gather(*server["conversations"])
    assert "assistant: It is sunny in Paris." in capsys.readouterr().out
