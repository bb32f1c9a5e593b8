"""``session.update_history()``: refused before anything is sent, or done by the service and then shown (B43, B44)."""

from __future__ import annotations

import pytest
from attrs import evolve

from offhook.capabilities import Capabilities
from offhook.errors import HistoryError, NotConnected, Unsupported
from offhook.events import FunctionCallCancelled, ItemUpdate
from offhook.items import (
    FunctionCallItem,
    InputAudio,
    InputImage,
    InputText,
    MessageItem,
    OutputAudio,
    OutputText,
)
from offhook.session.events import HistoryAdded, HistoryUpdated
from offhook.testing import ScriptedTransport
from offhook.tool import function_tool

NOTE = MessageItem(item_id="", role="system", content=(InputText("The caller is Ada."),))


def edits(it):
    """Give the edits that the service was sent, in short."""
    for frame in it.far.sent:
        if frame["type"] == "conversation.item.delete":
            yield "-", frame["item_id"]
        elif frame["type"] == "conversation.item.create":
            yield "+", frame["item"]["content"][0]["text"], frame.get("previous_item_id", "(end)")


async def test_b44_the_history_changes_when_the_service_has_changed_it(line):
    """B44: not when it is asked to."""
    async with line() as it:
        it.shows("a")
        it.shows("b", "a")
        await it.settled()
        before = it.session.history
        await it.session.update_history(lambda history: [NOTE, *history[1:]])
        assert it.session.history == before
        assert list(edits(it)) == [("-", "a"), ("+", "The caller is Ada.", "root")]
        (create,) = await it.far.received("conversation.item.create")
        it.far.say({"type": "conversation.item.deleted", "item_id": "a"})
        it.far.say({"type": "conversation.item.added", "item": create["item"], "previous_item_id": None})
        await it.settled()
        assert [item.text for item in it.session.history] == ["The caller is Ada.", "b"]


async def test_b43_speech_of_the_assistant_is_neither_added_nor_changed(line):
    """B43: nothing at all of such an edit is sent, and it is said why."""
    spoken = MessageItem(item_id="s", role="assistant", content=(OutputAudio(transcript="Hello"),))
    async with line() as it:
        it.shows("a")
        it.shows("s", "a", stage="done", role="assistant", content=[{"type": "output_audio", "transcript": "Hello"}])
        await it.settled()
        assert it.session.history[1] == spoken
        changed = evolve(spoken, content=(OutputAudio(transcript="Bye"),))
        for edit in ([changed], lambda history: [evolve(spoken, item_id=""), *history]):
            with pytest.raises(HistoryError, match="no speech of the assistant that it did not make"):
                await it.session.update_history(edit)
        assert it.far.kinds == ["session.update"]
        await it.session.update_history([spoken, NOTE])
        assert list(edits(it)) == [("-", "a"), ("+", "The caller is Ada.", "(end)")]


async def test_a_call_that_is_edited_is_refused_and_not_deleted_in_silence(line):
    """Upstream's defect 12: it is deleted, and never comes back."""
    async with line() as it:
        it.begins()
        it.shows("f", type="function_call", call_id="c", name="n", arguments="{}")
        await it.settled()
        (call,) = it.session.history
        with pytest.raises(HistoryError, match="calls are the model's to make"):
            await it.session.update_history([evolve(call, output="forged")])
        assert it.far.kinds == ["session.update"]


async def test_p07_a_call_that_is_taken_out_before_it_was_answered_is_withdrawn(line):
    """P7: one cancellation, and then no output."""

    @function_tool
    async def ask() -> str:
        await it.far.received("never")
        return "late"

    async with line(tools=[ask]) as it:
        it.begins()
        it.calls("ask", "c")
        await it.settled()
        await it.session.update_history([])
        (cancelled,) = it.heard.of(FunctionCallCancelled)
        assert cancelled.call_ids == ("c",)
        assert list(edits(it)) == [("-", "item_c")]
        assert it.outputs == []


async def test_a_call_goes_with_its_output_and_what_follows_the_output_follows_the_call(line):
    """The history does not show outputs as items, and the service counts them as such."""
    output = {"type": "function_call_output", "call_id": "c", "output": "o", "role": None, "content": None}
    async with line() as it:
        it.shows("f", type="function_call", call_id="c", name="n", arguments="{}")
        it.shows("o", "f", **output)
        it.shows("a", "o")
        it.shows("between", "o")
        await it.settled()
        assert [item.item_id for item in it.session.history] == ["f", "between", "a"]
        await it.session.update_history(lambda history: [history[0], NOTE, *history[1:]])
        await it.session.update_history(lambda history: history[1:])
        assert list(edits(it)) == [("+", "The caller is Ada.", "o"), ("-", "o"), ("-", "f")]


async def test_images_are_kept_in_the_history_and_can_be_edited(line):
    """Upstream's defect 2: they never get there."""
    content = [{"type": "input_image", "image_url": "data:x", "detail": "low"}]
    async with line() as it:
        it.shows("a", stage="done", content=content)
        await it.settled()
        (item,) = it.session.history
        assert item.content == (InputImage(image_url="data:x", detail="low"),)
        await it.session.update_history([evolve(item, role="user", content=(*item.content, InputText("A cat.")))])
        _, create = it.far.sent[-2:]
        assert create["item"]["content"] == [*content, {"type": "input_text", "text": "A cat."}]


async def test_a_session_without_a_connection_has_no_history_to_edit(line):
    with pytest.raises(NotConnected):
        await line().session.update_history([])


# Weaker transports.


def scripted(line, history):
    return line(transport=ScriptedTransport(capabilities=Capabilities(history=history), strict=False))


A = MessageItem(item_id="local:a", role="user", content=(InputText("a"),))


@pytest.mark.parametrize("flag", ["none", "initial"])
async def test_where_no_edit_is_possible_that_is_said(line, flag):
    async with scripted(line, flag) as it:
        with pytest.raises(Unsupported, match=f"history={flag}"):
            await it.session.update_history([NOTE])
        assert [command.name for command in it.transport.commands] == ["connect"]


async def test_where_history_can_only_grow_messages_are_added_without_a_reply(line):
    async with scripted(line, "append") as it:
        it.transport.emit(ItemUpdate(item=A))
        await it.session.update_history(lambda history: [*history, NOTE])
        (command,) = [command for command in it.transport.commands if command.name == "send_message"]
        assert command.arguments == {"message": NOTE, "respond": False}


@pytest.mark.parametrize("new", [[], [NOTE], [NOTE, A], [evolve(A, role="system")]])
async def test_where_history_can_only_grow_nothing_is_changed_or_taken_out(line, new):
    async with scripted(line, "append") as it:
        it.transport.emit(ItemUpdate(item=A))
        with pytest.raises(Unsupported, match="history=append"):
            await it.session.update_history(new)
        assert [command.name for command in it.transport.commands] == ["connect"]


@pytest.mark.parametrize(
    "added",
    [
        MessageItem(item_id="", role="assistant", content=(OutputAudio(transcript="Hello"),)),
        MessageItem(item_id="", role="user", content=(InputAudio(),)),
        FunctionCallItem(item_id="", call_id="c", name="n", arguments="{}"),
    ],
)
async def test_b43_where_history_can_only_grow_speech_and_calls_are_refused_too(line, added):
    """B43: and nothing of the edit is sent."""
    async with scripted(line, "append") as it:
        with pytest.raises(HistoryError, match="only written messages"):
            await it.session.update_history([NOTE, added])
        assert [command.name for command in it.transport.commands] == ["connect"]


# What is told.


async def test_a_change_is_told_as_a_patch_beside_the_whole(line):
    async with line() as it:
        it.shows("a", stage="done")
        it.shows("c", "a", stage="done")
        it.shows("b", "a", stage="done")
        it.far.say({"type": "conversation.item.deleted", "item_id": "a"})
        await it.settled()
        added = [event.item.item_id for event in it.heard.of(HistoryAdded)]
        patches = [
            (event.item_id, event.item and event.item.text, event.previous_item_id)
            for event in it.heard.of(HistoryUpdated)
        ]
        assert added == ["a", "c", "b"]
        assert patches == [("a", "a", None), ("c", "c", "a"), ("b", "b", "a"), ("a", None, None)]
        assert [item.item_id for item in it.heard.of(HistoryUpdated)[-1].history] == ["b", "c"]


async def test_n08_a_session_starts_from_the_history_of_another_in_writing(line):
    """N8: what was spoken is told as what it says; what has no words is left out."""
    history = [
        MessageItem(item_id="1", role="user", content=(InputAudio(transcript="Weather?"),)),
        MessageItem(item_id="2", role="assistant", content=(OutputAudio(transcript="It is"),), status="incomplete"),
        MessageItem(item_id="3", role="assistant", content=(OutputAudio(transcript=""),), status="incomplete"),
        MessageItem(item_id="4", role="assistant", content=(OutputText("Sunny."),)),
    ]
    async with line(history=history) as it:
        creates = await it.far.received("conversation.item.create", 3)
        assert [(create["item"]["role"], create["item"]["content"]) for create in creates] == [
            ("user", [{"type": "input_text", "text": "Weather?"}]),
            ("assistant", [{"type": "output_text", "text": "It is"}]),
            ("assistant", [{"type": "output_text", "text": "Sunny."}]),
        ]


async def test_n08_where_a_session_cannot_start_from_a_history_it_does_not_start(line):
    """N8: rather than in silence without it."""
    transport = ScriptedTransport(capabilities=Capabilities(history="none"), strict=False)
    it = line(transport=transport, history=[NOTE])
    with pytest.raises(Unsupported, match="history=none"):
        await it.session.connect()
    assert transport.status == "disconnected"
    assert not transport.commands


async def test_b44_what_is_taken_out_while_it_is_being_said_stays_out(line):
    """B44: the response goes on about it, and the service has it no more."""
    said = {"type": "message", "role": "assistant", "status": "completed"}
    said["content"] = [{"type": "output_audio", "transcript": "Hi there"}]
    where = {"response_id": "resp_1", "output_index": 0}
    async with line() as it:
        it.begins()
        it.shows("reply", role="assistant", content=[])
        it.says("Hi")
        await it.settled()
        await it.session.update_history([])
        it.far.say({"type": "conversation.item.deleted", "item_id": "reply"})
        it.says("Hi there", whole=True)
        it.shows("reply", stage="done", **said)
        it.far.say({"type": "response.output_item.done", **where, "item": {"id": "reply", **said}})
        it.ends(output=[{"id": "reply", **said}])
        await it.settled()
        assert it.session.history == ()
        it.shows("reply", role="assistant", content=[{"type": "output_text", "text": "Hi again"}])
        await it.settled()
        assert [item.text for item in it.session.history] == ["Hi again"], "it is created anew"
