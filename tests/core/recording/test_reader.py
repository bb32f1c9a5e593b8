"""offhook.recording.reader: a file that was written, or half written, is read; one that is something else is told."""

from __future__ import annotations

import json

import pytest

from offhook.errors import RecordingError
from offhook.recording import read_recording
from offhook.recording.lines import End, Frame, Header, to_json

HELLO = Frame(direction="sent", event={"type": "hello"}, at_ms=1.0)
THERE = Frame(direction="received", event={"type": "there"}, at_ms=2.0)
LOST = End(reason="lost", code=1006, at_ms=3.0)


@pytest.fixture
def file(tmp_path):
    """``file(lines…)`` writes a recording and gives its path."""

    def write(*lines, end="\n"):
        path = tmp_path / "call.jsonl"
        path.write_text("\n".join(json.dumps(to_json(line)) for line in lines) + end, encoding="utf-8")
        return path

    return write


def test_frames_are_told_apart_by_who_sent_them(file):
    recording = read_recording(file(Header(transport="x"), HELLO, THERE, LOST))
    assert recording.header.transport == "x"
    assert (recording.sent, recording.received) == ([HELLO.event], [THERE.event])
    assert recording.of("there") == [THERE.event]
    assert recording.of("hello") == []


def test_a_recording_of_another_program_needs_no_header(file):
    assert read_recording(file(HELLO, THERE)).header == Header()


def test_each_connection_ends_where_the_recording_says_so(file):
    connections = read_recording(file(Header(), HELLO, THERE, LOST, LOST, HELLO)).connections
    assert [(len(found.frames), found.end) for found in connections] == [(2, LOST), (0, LOST), (1, None)]


def test_a_monologue_is_what_the_service_said(file):
    recording = read_recording(file(Header(), HELLO, THERE, LOST)).as_monologue()
    assert recording.lines == [THERE, LOST]


def test_a_last_line_that_was_cut_is_left_out(file):
    path = file(Header(), HELLO, THERE, end="")
    path.write_text(path.read_text()[:-5])
    assert read_recording(path).lines == [HELLO]


def test_separators_that_only_unicode_knows_end_no_line(tmp_path):
    path = tmp_path / "call.jsonl"
    text = "one\u2028two\x85three\x0cfour"
    line = json.dumps(to_json(Frame(direction="sent", event={"text": text})), ensure_ascii=False)
    path.write_text(line + "\n", encoding="utf-8")
    assert read_recording(path).sent == [{"text": text}]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty. Record a conversation: offhook record"),
        (b"hello\n", "line 1 of .* is no line of a recording"),
        (b"hello", "line 1 of .* is no line of a recording"),
        (b'{"direction": "sent", "event": {}}\n{"type": "x"}\n', "line 2 of .* neither a frame nor the end"),
        (b'{"direction": "sent"\n{"direction": "sent", "event": {}}\n', "line 1 of .* is no line"),
        (b"\xff\xfe", "line 1 of .* is no line"),
    ],
)
def test_what_is_no_recording_is_told(tmp_path, content, why):
    path = tmp_path / "call.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=why):
        read_recording(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(RecordingError, match=r"absent.jsonl cannot be read: .* Check its name"):
        read_recording(tmp_path / "absent.jsonl")
