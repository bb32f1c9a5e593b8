"""offhook.loopback: the shortest transport there is, and a faithful one."""

from __future__ import annotations

import asyncio

import pytest

from offhook.audio.formats import PCM16_24K
from offhook.config import SessionConfig
from offhook.errors import AlreadyConnected, NotConnected, Unsupported
from offhook.events import AudioDone, AudioEvent, FunctionCall, OutputTextDelta, SessionReady, SessionUpdated, TurnDone
from offhook.hookspecs import ConnectOptions
from offhook.items import InputText, MessageItem, OutputAudio, OutputText
from offhook.loopback import SPEC_VERSION, Loopback, LoopbackOptions, make_transport, transport_options

PATIENCE_S = 5.0


async def until(iterator, kind):
    events = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in iterator:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError(f"no {kind.__name__} in {events}")


@pytest.fixture
def transport():
    return Loopback()


def test_it_comes_in_through_the_door_of_every_plugin():
    assert SPEC_VERSION == (1, 0)
    assert transport_options() is LoopbackOptions
    made = make_transport(LoopbackOptions())
    assert (made.name, made.status) == ("loopback", "disconnected")


async def test_p01_connect_resolves_when_the_config_is_accepted_and_again_after_close(transport):
    """P1: and the transport is reusable."""
    ready = []
    transport.on("session_ready", ready.append)
    for _ in range(2):
        await transport.connect(ConnectOptions(config=SessionConfig(instructions="Repeat.")))
        with pytest.raises(AlreadyConnected):
            await transport.connect()
        assert transport.status == "connected"
        await transport.close()
        await transport.close()
    assert [event.session_id for event in ready] == ["sess_loopback"] * 2
    assert ready[0].config["instructions"] == "Repeat."
    assert isinstance(ready[0], SessionReady)


async def test_a_message_comes_back_as_text_and_both_are_in_the_conversation(transport):
    await transport.connect()
    events, items = transport.events(), []
    transport.on("item_update", lambda event: items.append(event.item))
    await transport.send_message("Hello there")
    told = await until(events, TurnDone)
    assert "".join(event.text for event in told if isinstance(event, OutputTextDelta)) == "Hello there"
    assert told[-1].output[0].content == (OutputText("Hello there"),)
    assert [(item.role, item.text) for item in items[:2]] == [("user", "Hello there")] * 2
    assert (items[-1].role, items[-1].text, items[-1].status) == ("assistant", "Hello there", "completed")
    await transport.close()


async def test_the_parts_of_a_message_are_repeated_and_its_id_is_kept(transport):
    await transport.connect()
    events = transport.events()
    parts = (InputText("one"), InputText("two"))
    await transport.send_message(MessageItem(item_id="mine", role="user", content=parts))
    told = await until(events, TurnDone)
    assert next(event.item.item_id for event in told if event.hook == "item_update") == "mine"
    assert told[-1].output[0].text == "one two"
    await transport.close()


async def test_committed_audio_comes_back_as_audio_when_a_reply_is_asked_for(transport):
    await transport.connect()
    events = transport.events()
    said = bytes(range(256)) * 50
    await transport.send_audio(said[:5000])
    await transport.send_audio(said[5000:], commit=True)
    await transport.request_response()
    told = await until(events, TurnDone)
    pieces = [event for event in told if isinstance(event, AudioEvent)]
    assert b"".join(piece.data for piece in pieces) == said
    assert {piece.format for piece in pieces} == {PCM16_24K}
    assert len([event for event in told if isinstance(event, AudioDone)]) == 1
    assert told[-1].output[0].content == (OutputAudio(transcript=None),)
    await transport.close()


async def test_audio_that_was_taken_back_is_not_repeated(transport):
    await transport.connect()
    events = transport.events()
    await transport.send_audio(bytes(1000))
    await transport.clear_audio()
    await transport.send_audio(bytes(500), commit=True)
    await transport.request_response()
    told = await until(events, TurnDone)
    assert sum(len(event.data) for event in told if isinstance(event, AudioEvent)) == 500
    await transport.close()


async def test_a_turn_says_which_wish_it_answers(transport):
    await transport.connect()
    events = transport.events("turn_started")
    await transport.request_response()
    request_id = await transport.request_response({"metadata": {"mine": "x"}})
    assert [(await anext(events)).request_id for _ in range(2)] == [None, request_id]
    await transport.close()


async def test_an_output_without_a_reply_is_echoed_and_answered_with_nothing(transport):
    await transport.connect()
    seen = []
    transport.on("*", lambda event: seen.append(event.payload["type"]))
    updated = transport.events("session_updated")
    await transport.send_function_call_output(FunctionCall(call_id="c", name="f", arguments="{}"), "done", False)
    await transport.update_session_config(SessionConfig(instructions="Stop."))
    await until(updated, SessionUpdated)
    assert seen == ["conversation.item.added", "conversation.item.done", "session.updated"]
    await transport.close()


async def test_p02_closing_ends_what_waits(transport):
    """P2: every iterator ends, and every command says that there is no connection."""
    await transport.connect()
    events = transport.events("turn_done")
    waiting = asyncio.create_task(anext(events, None))
    await asyncio.sleep(0)
    await transport.close()
    assert await asyncio.wait_for(waiting, PATIENCE_S) is None
    with pytest.raises(NotConnected):
        await transport.send_message("anyone?")


async def test_it_refuses_what_it_cannot_do(transport):
    assert not transport.capabilities.mcp
    with pytest.raises(Unsupported):
        await transport.mute(True)
