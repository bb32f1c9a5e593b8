"""offhook.cli.replay: a recorded conversation is shown as it happened."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from offhook.cli import replay as module
from offhook.cli.app import app
from offhook.cli.screen import Screen
from offhook.errors import RecordingError
from offhook.recording import Recording, read_recording
from offhook.recording.lines import End, Frame, Header

TOOL = {"type": "function", "name": "look", "description": "", "parameters": {"type": "object", "properties": {}}}
CALL = {"type": "function_call", "id": "item_2", "call_id": "call_1", "name": "look", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "a tree"}
ASKED = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "What is there?"}],
}
TOLD = {"id": "item_3", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "A tree."}]}


def sent(**event):
    return Frame(direction="sent", event=event)


def received(**event):
    return Frame(direction="received", event=event)


CONVERSATION = [
    sent(type="session.update", session={"type": "realtime", "tools": [TOOL]}),
    received(type="session.updated", session={"type": "realtime", "id": "sess_1"}),
    sent(type="conversation.item.create", item=ASKED),
    received(type="conversation.item.added", previous_item_id=None, item=ASKED),
    received(type="response.created", response={"id": "resp_1", "status": "in_progress", "output": []}),
    received(type="response.output_item.done", response_id="resp_1", output_index=0, item=CALL),
    received(type="response.done", response={"id": "resp_1", "status": "completed", "output": [CALL]}),
    sent(type="conversation.item.create", item=OUTPUT),
    received(type="response.created", response={"id": "resp_2", "status": "in_progress", "output": []}),
    received(type="response.output_item.done", response_id="resp_2", output_index=0, item=TOLD),
    received(type="response.done", response={"id": "resp_2", "status": "completed", "output": [TOLD]}),
]


async def shown(*lines, header=None):
    screen = Screen(Console(file=io.StringIO(), width=100))
    await module.show(Recording(header=header or Header(transport="websocket"), lines=lines), screen)
    return [line.strip() for line in screen.console.file.getvalue().splitlines()]


async def test_what_was_written_and_what_tools_gave_is_shown_in_the_order_of_the_conversation():
    assert await shown(*CONVERSATION, End(reason="requested")) == [
        "recorded over websocket",
        "you What is there?",
        "tool look({}) → a tree",
        "agent A tree.",
    ]


async def test_every_connection_is_shown_and_why_one_was_not_made_or_was_lost():
    lines = await shown(*CONVERSATION, End(reason="lost", code=1006), End(reason="error"), *CONVERSATION)
    assert lines.count("agent A tree.") == 2
    assert any(line.startswith("error the connection was lost (close code 1006") for line in lines)
    assert any("this connection was not made (error)" in line for line in lines)


async def test_the_first_line_says_what_was_recorded_when():
    header = Header(transport="webrtc", model="gpt-realtime", started_at="2026-11-24T21:00:00+00:00")
    assert (await shown(header=header))[0] == "recorded over webrtc, gpt-realtime, 2026-11-24T21:00:00+00:00"


@pytest.fixture
def command(site, monkeypatch, tmp_path):
    """``command(…)`` runs ``offhook replay`` on ``call.jsonl``; ``command.shown`` is what would have been shown, and how."""
    site.install("core", commands={"replay": "offhook.cli.replay:replay"})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "call.jsonl").write_text(json.dumps({"direction": "received", "event": {}}) + "\n")

    async def show(recording, screen, *, speed):
        run.shown = recording, speed

    monkeypatch.setattr(module, "show", show)

    def run(*arguments):
        return CliRunner().invoke(app, ["replay", *arguments])

    return run


def test_a_recording_is_shown_as_fast_as_possible_or_at_a_pace(command):
    assert command("call.jsonl").exit_code == 0
    assert command.shown == (read_recording("call.jsonl"), None)
    assert command("call.jsonl", "--speed", "1").exit_code == 0
    assert command.shown[1] == 1.0


def test_a_file_that_is_no_recording_is_told(command):
    assert isinstance(command("absent.jsonl").exception, RecordingError)
    assert command().exit_code == 2
