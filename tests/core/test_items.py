"""offhook.items: what a conversation consists of."""

from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from offhook.items import (
    FunctionCallItem,
    InputAudio,
    InputImage,
    InputText,
    McpCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((), ""),
        ((InputText("Hello"),), "Hello"),
        ((InputAudio(),), ""),
        ((InputAudio(transcript="Hello"), InputText("there")), "Hello there"),
        ((OutputText("Hello"), OutputAudio(), OutputAudio(transcript="there")), "Hello there"),
        ((InputImage(image_url="data:"), InputText("a cat")), "a cat"),
    ],
)
def test_the_text_of_a_message_is_all_its_words(parts, text):
    assert MessageItem(item_id="i", role="user", content=parts).text == text


def test_items_are_values():
    call = FunctionCallItem(item_id="i", call_id="c", name="n", arguments="{}")
    assert call == FunctionCallItem(item_id="i", call_id="c", name="n", arguments="{}")
    with pytest.raises(FrozenInstanceError):
        call.output = "late"


def test_calls_begin_unanswered():
    assert FunctionCallItem(item_id="i", call_id="c", name="n", arguments="{}").output is None
    assert McpCallItem(item_id="i", server_label="s", name="n", arguments="{}").status == "in_progress"
