"""A scenario that is wrong is refused with file, entry and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook_emulator.replies.scenario import read_entries
from offhook_emulator.replies.script import Script


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("- when: a\n  sya: b", "entry 1: unknown key 'sya' in an entry; did you mean 'say'?"),
        ("- say: a\n- xyz: b", "entry 2: unknown key 'xyz' in an entry; there are: when, say, call, then."),
        ("- when: a", "entry 1: it says nothing and calls nothing. Give it 'say' or 'call'."),
        ("- say: yes", "entry 1: 'say' must be text, not true or false; put it in quotes."),
        ("- say: 12", "entry 1: 'say' must be text, not a number; put it in quotes."),
        ("- say: 2026-07-04", "entry 1: 'say' must be text, not date; put it in quotes."),
        ("- when: '('\n  say: a", "entry 1: 'when' is no regular expression: "),
        ("- hello", "entry 1: an entry must be keys and values, not text."),
        ("- call: get_weather", "entry 1: 'call' must be keys and values, not text."),
        ("- call: {arguments: {}}", "entry 1: 'call' names no function. "),
        ("- call: {name: f, args: {}}", "entry 1: unknown key 'args' in 'call'; did you mean 'arguments'?"),
        ("- call: {name: f, arguments: [1]}", "entry 1: 'arguments' must be keys and values, not a list."),
        ("- say: a\n  then: b", "entry 1: 'then' follows the output of a call, and there is no 'call'."),
        ("- call: {name: f}\n  then: {when: a}", "entry 1: unknown key 'when' in 'then'; "),
        ("- call: {name: f}\n  then: 5", "entry 1: 'then' must be keys and values, not a number."),
        ("say: a", "must be a list of entries, each beginning with '- when:' or '- say:'; it is keys and values."),
        ("", "must be a list of entries, each beginning with '- when:' or '- say:'; it is empty."),
        ("- say: {a: [", "is not YAML: "),
        ("- say: a: b", "Texts with a colon in them need quotes."),
    ],
)
def test_what_is_wrong_is_said_with_where_it_stands(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "scene.yaml"
    path.write_text(content)

    with pytest.raises(ConfigError) as refused:
        read_entries(path)

    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_missing_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_entries(tmp_path / "gone.yaml")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_entries(tmp_path / "binary.yaml")


def test_a_scenario_written_in_python_may_have_texts_for_entries() -> None:
    first, second = Script.of([{"when": "hello", "say": "Good day."}, "Goodbye."]).entries
    assert (first.when is not None, first.step.say) == (True, "Good day.")
    assert (second.when, second.step.say) == (None, "Goodbye.")


def test_what_is_wrong_in_python_is_said_with_its_entry() -> None:
    with pytest.raises(ConfigError, match="the replies, entry 2: unknown key 'sya'"):
        Script.of(["Hello.", {"sya": "b"}])
