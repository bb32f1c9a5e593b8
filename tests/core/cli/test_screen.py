"""offhook.cli.screen: what is printed of a conversation."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from offhook.agent_events import ToolEnd
from offhook.cli.conversation import Report
from offhook.cli.screen import Screen
from offhook.events import AudioInterrupted, ErrorEvent, FunctionCall, SpeechStarted
from offhook.session.events import TranscriptEvent


def words(text, role="assistant", *, final=False):
    return TranscriptEvent(role=role, text=text, final=final)


def console(**options):
    return Console(file=io.StringIO(), width=80, color_system=None, **options)


@pytest.fixture
def plain():
    """A screen that is none: a file, or a pipe."""
    return Screen(console(force_terminal=False))


@pytest.fixture
def terminal():
    return Screen(console(force_terminal=True, force_interactive=True))


def printed(screen):
    return screen.console.file.getvalue()


def bottom(screen):
    """The lines at the bottom, as they are painted next."""
    paper = console()
    paper.print(screen._bottom())
    return [line.rstrip() for line in paper.file.getvalue().splitlines() if line.strip()]


def test_elsewhere_than_in_a_terminal_only_whole_lines_are_printed(plain):
    with plain:
        for event in (words("It", "user"), words("It is", "user"), words("It is late.", "user", final=True)):
            plain.show(event)
        plain.show(words("So it", final=False))
        plain.show(words("So it is.", final=True))
        plain.show(words("  ", final=True))
    assert printed(plain) == "  you It is late.\nagent So it is.\n"


def test_what_is_no_news_is_not_printed(plain):
    plain.show(SpeechStarted())
    assert printed(plain) == ""


def test_tools_interruptions_and_errors_have_their_lines(plain):
    call = FunctionCall(call_id="c", name="look", arguments='{"at": 1}')
    agent, tool = SimpleNamespace(name="A"), SimpleNamespace(name="look")
    plain.show(ToolEnd(agent=agent, tool=tool, call=call, output="seen"))
    plain.show(AudioInterrupted(epoch=1))
    plain.show(ErrorEvent(message="It broke."))
    assert printed(plain) == ' tool look({"at": 1}) → seen\n      (interrupted)\nerror It broke.\n'


def test_in_a_terminal_both_sides_grow_until_they_are_final(terminal):
    with terminal:
        terminal.show(words("Once", "user"))
        terminal.show(words("There was"))
        assert bottom(terminal) == ["  you Once", "agent There was"]
        terminal.show(words("Once upon", "user"))
        assert bottom(terminal) == ["  you Once upon", "agent There was"]
        terminal.show(words("Once upon a time.", "user", final=True))
        assert bottom(terminal) == ["agent There was"]
        terminal.show(words("There was one.", final=True))
        assert bottom(terminal) == []
    assert "  you Once upon a time." in printed(terminal)
    assert "agent There was one." in printed(terminal)


def test_of_a_long_sentence_the_end_is_shown(terminal):
    terminal.show(words("word " * 30 + "end"))
    (line,) = bottom(terminal)
    assert len(line) <= 80
    assert line.startswith("agent ")
    assert line.endswith("word end")


def test_what_an_interruption_cut_off_is_kept_as_far_as_it_went(terminal):
    with terminal:
        terminal.show(words("There was"))
        terminal.show(AudioInterrupted(epoch=1))
        assert bottom(terminal) == []
    assert "agent There was …" in printed(terminal)
    assert "(interrupted)" in printed(terminal)


def test_what_is_being_said_when_it_ends_is_kept(terminal):
    with terminal:
        terminal.show(words("I would", "user"))
    assert "  you I would …" in printed(terminal)


def test_meters_show_how_loud_each_side_is(terminal):
    terminal.meters = {"user": SimpleNamespace(decibels=-60.0), "assistant": SimpleNamespace(decibels=-30.0)}
    assert bottom(terminal) == [f"  you {'▯' * 20}  agent {'▮' * 10}{'▯' * 10}"]
    terminal.meters = {"user": SimpleNamespace(decibels=0.0)}
    assert bottom(terminal) == [f"  you {'▮' * 20}"]


def test_meters_are_seen_in_a_terminal_only(terminal, plain):
    for screen in (terminal, plain):
        screen.meters = {"user": SimpleNamespace(decibels=0.0)}
        with screen:
            screen.say("Speak.")
    assert "▮" in printed(terminal)
    assert printed(plain) == "Speak.\n"


def test_the_report_is_a_table(plain):
    report = Report(
        connect_ms=31.4, first_audio_ms=737.6, total_ms=2512, audio_in_ms=2480, audio_out_ms=3900, answer=b""
    )
    plain.report(report)
    titles, values = (line.strip() for line in printed(plain).splitlines() if line.strip())
    assert " ".join(titles.split()) == "connect end of speech → first audio total audio in audio out"
    assert values.split("  ")[0] == "31 ms"
    assert "738 ms" in values
    assert values.endswith("3.9 s")
