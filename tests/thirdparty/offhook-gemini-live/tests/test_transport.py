"""What the conformance suite cannot know of: close codes, handles, options, and commands with rules of their own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from offhook_gemini_live import GeminiLive, GeminiLiveOptions

from offhook import events as e
from offhook.config import SessionConfig
from offhook.errors import AuthenticationError, ConfigRejected, ConnectError, ImmutableConfig, Unsupported
from offhook.hookspecs import ConnectOptions
from offhook.items import InputImage, InputText, MessageItem
from offhook.testing import run_virtual
from offhook.wire.channel import DialRequest

PATIENCE_S = 5.0
ADDRESS = InputImage(image_url="https://example.org/a.png")


def said(text: str) -> MessageItem:
    return MessageItem(item_id="", role="user", content=(InputText(text),))


class Wire:
    """A dialer, the channel that it gives, and a service that accepts unless told otherwise."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers or ({"setupComplete": {}},)
        self.sent: list[Any] = []
        self.requests: list[DialRequest] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self._frames: asyncio.Queue[str | None] = asyncio.Queue()

    async def __call__(self, request: DialRequest) -> Wire:
        self.requests.append(request)
        return self

    async def __aiter__(self):
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))
        if "setup" in self.sent[-1]:
            self.say(*self.answers)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.hang_up(code, reason)

    def say(self, *frames: Any) -> None:
        for frame in frames:
            self.hang_up(*frame) if isinstance(frame, tuple) else self._frames.put_nowait(json.dumps(frame))

    def hang_up(self, code: int, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._frames.put_nowait(None)


def transport(wire: Wire, **options: Any) -> GeminiLive:
    return GeminiLive(GeminiLiveOptions(**{"api_key": "key", **options}), dialer=wire)


async def end_of(line: GeminiLive, wire: Wire, *frames: Any) -> tuple[list[e.ErrorEvent], e.ConnectionChange]:
    """Connect, let the service say this, and give what was wrong and how it ended."""
    errors: list[e.ErrorEvent] = []
    line.on("error", errors.append)
    async with asyncio.timeout(PATIENCE_S):
        await line.connect()
        changes = line.events("connection_change")
        wire.say(*frames)
        return errors, await anext(changes)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (1007, "API key not valid. Please pass a valid API key.", AuthenticationError),
        (1007, "Invalid JSON payload received.", ConfigRejected),
        (1008, "Publisher model not found", ConfigRejected),
        (1011, "Internal error", ConnectError),
        (1000, "", ConnectError),
    ],
)
async def test_a_setup_that_is_refused_is_raised_with_the_services_own_words(code, reason, error):
    line = transport(Wire((code, reason)))
    with pytest.raises(error) as raised:
        await line.connect()
    assert type(raised.value) is error
    assert reason.rstrip(".") in str(raised.value)
    assert line.status == "disconnected"


@pytest.mark.parametrize(
    ("code", "reason", "recoverable", "told"),
    [
        (1006, "lost", True, 1),
        (1011, "lost", True, 1),
        (1008, "error", False, 1),
        (1000, "remote_hangup", False, 0),
        (1001, "remote_hangup", True, 0),
    ],
)
async def test_a_close_code_says_how_it_ended_and_whether_to_try_again(code, reason, recoverable, told):
    wire = Wire()
    errors, change = await end_of(transport(wire), wire, (code, "why"))
    assert (change.reason, change.code, change.recoverable) == (reason, code, recoverable)
    assert [error.fatal for error in errors] == [True] * told


async def test_an_end_that_was_announced_is_an_expiry():
    wire = Wire()
    errors, change = await end_of(transport(wire), wire, {"goAway": {"timeLeft": "0s"}}, (1011, "deadline"))
    assert (change.reason, change.recoverable, errors) == ("expired", True, [])


def test_a_service_that_never_accepts_is_given_up():
    async def main() -> None:
        with pytest.raises(ConnectError, match="did not accept the session within 10 s"):
            await transport(Wire({"serverContent": {}})).connect()

    run_virtual(main())


def test_the_time_to_connect_is_none_to_talk():
    async def main() -> None:
        line = transport(Wire())
        await line.connect()
        await asyncio.sleep(3600)
        assert line.status == "connected"
        await line.close()

    run_virtual(main())


async def test_a_handle_resumes_and_history_then_stays_here():
    wire = Wire()
    line = transport(wire)
    ready = line.events("session_ready", "connection_change")
    handle = e.ResumeHandle(transport="gemini-live", value="h1")
    await line.connect(ConnectOptions(resume=handle, initial_history=(said("Hello"),)))
    assert [frame["setup"]["sessionResumption"] for frame in wire.sent] == [{"handle": "h1"}]
    assert [event.restored async for event in _taken(ready, 3)] == [None, "full", "full"]
    await line.close()


async def _taken(events: Any, count: int):
    for _ in range(count):
        yield await anext(events)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (ConnectOptions(resume=e.ResumeHandle(transport="websocket", value="h")), "websocket"),
        (ConnectOptions(call_id="rtc_1"), "call_id"),
        (
            ConnectOptions(initial_history=(MessageItem(item_id="", role="user", content=(ADDRESS,)),)),
            "initial_history",
        ),
    ],
)
async def test_what_cannot_be_connected_to_is_refused_before_dialling(options, named):
    wire = Wire()
    with pytest.raises(ConnectError, match=named):
        await transport(wire).connect(options)
    assert wire.requests == []


async def test_the_model_of_the_call_beats_the_configs_which_beats_the_options():
    for options, model in (
        (ConnectOptions(), "mine"),
        (ConnectOptions(config=SessionConfig(model="theirs")), "theirs"),
        (ConnectOptions(model="now", config=SessionConfig(model="theirs")), "now"),
    ):
        wire = Wire()
        line = transport(wire, model="mine")
        await line.connect(options)
        assert wire.sent[0]["setup"]["model"] == f"models/{model}"
        await line.close()


async def test_settings_that_the_service_has_nothing_like_are_a_warning(caplog):
    line = transport(Wire())
    await line.connect(ConnectOptions(config=SessionConfig(tool_choice="required")))
    assert ["tool_choice" in record.getMessage() for record in caplog.records] == [True]
    await line.close()


async def test_the_config_is_fixed_and_one_that_changes_nothing_is_none():
    line = transport(Wire())
    await line.connect(ConnectOptions(config=SessionConfig(instructions="Be brief.")))
    await line.update_session_config(SessionConfig(instructions="Be brief."))
    with pytest.raises(ImmutableConfig) as refused:
        await line.update_session_config(SessionConfig(instructions="Be long.", max_output_tokens=9))
    assert refused.value.fields == ("instructions", "max_output_tokens")
    await line.close()


async def test_muting_keeps_back_what_is_said_and_says_that_speech_ended_once():
    wire = Wire()
    line = transport(wire)
    await line.connect()
    await line.mute(True)
    await line.mute(True)
    await line.send_audio(b"\1\0")
    assert (line.muted, wire.sent[1:]) == (True, [{"realtimeInput": {"audioStreamEnd": True}}])
    await line.mute(False)
    await line.send_audio(b"\1\0")
    assert len(wire.sent) == 3
    await line.close()


async def test_outputs_are_kept_silent_where_calls_do_not_hold_the_turn():
    wire = Wire()
    line = transport(wire, non_blocking_calls=True)
    await line.connect()
    call = e.FunctionCall(call_id="c", name="f", arguments="{}")
    await line.send_function_call_output(call, "x", start_response=False)
    await line.send_function_call_output(call, "y", delivery="interrupt", final=False)
    first, second = (frame["toolResponse"]["functionResponses"][0] for frame in wire.sent[1:])
    assert (first["scheduling"], second["scheduling"], second["willContinue"]) == ("SILENT", "INTERRUPT", True)
    await line.close()


async def test_what_the_model_cannot_do_is_refused_before_anything_is_sent():
    wire = Wire()
    line = transport(wire)
    await line.connect()
    call = e.FunctionCall(call_id="c", name="f", arguments="{}")
    for refused in (
        line.request_response({"instructions": "Sing."}),
        line.send_function_call_output(call, "x", final=False),
        line.add_image(ADDRESS),
    ):
        with pytest.raises(Unsupported):
            await refused
    assert len(wire.sent) == 1
    await line.close()


async def test_a_frame_of_ones_own_goes_out_as_it_is():
    wire = Wire()
    line = transport(wire)
    await line.connect()
    ids = {await line.send_event({"realtimeInput": {"text": "hi"}}) for _ in range(2)}
    assert wire.sent[1:] == [{"realtimeInput": {"text": "hi"}}] * 2
    assert len(ids) == 2
    await line.close()
