"""A source of replies is had by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook_emulator.replies import replies_from
from offhook_emulator.replies.chat import Chat
from offhook_emulator.replies.rules import Rules
from offhook_emulator.replies.script import Script


async def test_each_kind_is_had_by_its_name(tmp_path: Path) -> None:
    scenario = tmp_path / "scene.yaml"
    scenario.write_text("- say: Hello.")
    chat = replies_from("chat:http://127.0.0.1:11434/v1#llama3")

    assert isinstance(replies_from("rules"), Rules)
    assert isinstance(replies_from(f"script:{scenario}"), Script)
    assert isinstance(chat, Chat)
    await chat.close()


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("rule", "'rule' names no replies. Did you mean rules?"),
        ("scripts:a.yaml", "Did you mean script?"),
        ("script", "'script' names no replies. Choose rules, script:FILE or chat:URL."),
        ("chat:", "Choose rules, script:FILE or chat:URL."),
        ("rules:strict", "Choose rules, script:FILE or chat:URL."),
        ("", "Choose rules, script:FILE or chat:URL."),
        ("script:/nowhere/scene.yaml", "cannot be read"),
    ],
)
def test_what_names_none_is_refused_with_the_nearest(spec: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        replies_from(spec)

    assert complaint in str(refused.value)
