"""offhook.recording.counterpart: what a replay waits for, and what it calls a difference."""

from __future__ import annotations

import pytest

from offhook.recording.counterpart import Counterpart, patient

MESSAGE = {
    "type": "conversation.item.create",
    "item": {"type": "message", "content": [{"type": "input_text", "text": "Hi"}]},
}
APPEND = {"type": "input_audio_buffer.append", "audio": "AAAA"}
CREATE = {"type": "response.create"}


def other_words(text):
    return {**MESSAGE, "item": {**MESSAGE["item"], "content": [{"type": "input_text", "text": text}]}}


def test_only_the_output_of_a_call_is_waited_for(kit):
    client = Counterpart()
    assert not any(client.waits_for(event) for event in (kit.UPDATE, MESSAGE, APPEND, CREATE))
    assert client.waits_for(kit.ANSWER)
    client.take({**kit.ANSWER, "item": {**kit.ANSWER["item"], "call_id": "call_2"}})
    assert client.waits_for(kit.ANSWER)
    client.take(kit.ANSWER)
    assert not client.waits_for(kit.ANSWER)
    assert client.difference(other_words("anything")) is None


def test_a_client_that_is_not_compared_is_not_remembered():
    """P10."""
    client = Counterpart()
    for _ in range(100):
        client.take(MESSAGE)
    assert client.beyond is None


def test_strictly_every_frame_but_audio_is_waited_for_and_compared():
    client = Counterpart(strict=True)
    assert not client.waits_for(APPEND)
    assert client.waits_for(CREATE)
    client.take(APPEND)
    client.take(MESSAGE)
    client.take(CREATE)
    assert [client.difference(event) for event in (APPEND, MESSAGE, CREATE)] == [None, None, None]
    assert client.beyond is None


@pytest.mark.parametrize(
    ("came", "recorded", "difference"),
    [
        (other_words("Bye"), MESSAGE, "another item.content in conversation.item.create"),
        (CREATE, MESSAGE, "response.create where it was conversation.item.create"),
        ({**CREATE, "response": {}}, CREATE, "another response in response.create"),
        (CREATE, {**CREATE, "response": {}}, "another response in response.create"),
        ({**CREATE, "event_id": "a"}, {**CREATE, "event_id": "b"}, None),
    ],
)
def test_a_difference_is_named_without_its_content(came, recorded, difference):
    client = Counterpart(strict=True)
    client.take(came)
    assert client.difference(recorded) == difference


def test_what_was_redacted_in_the_recording_makes_no_difference():
    client = Counterpart(strict=True)
    client.take({"type": "session.update", "session": {"tools": [{"authorization": "mine"}]}})
    assert (
        client.difference({"type": "session.update", "session": {"tools": [{"authorization": "[redacted]"}]}}) is None
    )


def test_what_the_client_sent_beyond_the_recording_is_named():
    client = Counterpart(strict=True)
    client.take(CREATE)
    assert client.beyond == "response.create"


def test_an_answer_that_came_before_its_call_was_complete_waits_for_that(kit):
    answer, called, ready = kit.sent(kit.ANSWER), kit.received(kit.CALLED), kit.received(kit.READY)
    assert patient([answer, ready, called, ready]) == [ready, called, answer, ready]
    assert patient([ready, called, answer]) == [ready, called, answer]


def test_an_answer_to_a_call_that_is_never_complete_is_left_out(kit):
    answer, ready = kit.sent(kit.ANSWER), kit.received(kit.READY)
    assert patient([answer, ready]) == [ready]
