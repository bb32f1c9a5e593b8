"""P11: what is never logged, and what every error says."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

import base64
import contextlib
import re
import traceback
from typing import Final

from offhook.errors import TransportError
from offhook.events import ErrorEvent, FunctionCall
from offhook.testing.conformance.line import Line
from offhook.testing.conformance.overheard import Overheard
from offhook.testing.conformance.rules import KEY, Suite, rule

#: Nobody says this but the suite.
_WORDS: Final = "zwetschgenkuchen"
_SENTENCE: Final = re.compile(r"[.!?](?:\s|$)")


class SecrecyRules(Suite):
    """No key, token, resume handle or audio content is ever logged; every error says what to do next."""

    @rule()
    async def test_p11_no_key_is_ever_logged(self, line: Line) -> None:
        """Not when it is taken, not when it is refused, not when things go wrong; at no level, and not printed."""
        with Overheard() as overheard:
            await self._live(line)
            await self._refused(line)
        assert KEY not in overheard.text, _around(overheard.text, KEY)

    @rule()
    async def test_p11_nothing_that_was_said_is_ever_logged(self, line: Line) -> None:
        """Neither words, nor what a function was told, nor sound."""
        with Overheard() as overheard:
            await self._live(line)
        sound = base64.b64encode(bytes([0x5A]) * 300).decode()
        for secret in (_WORDS, sound[:64], repr(bytes([0x5A]) * 16)[2:-1]):
            assert secret not in overheard.text, _around(overheard.text, secret)

    @rule()
    async def test_p11_no_key_is_in_an_error_or_a_representation(self, line: Line) -> None:
        """They end up in logs of others."""
        error = await self._refused(line)
        shown = ["".join(traceback.format_exception(error)), repr(error), repr(line.transport), repr(line.options)]
        await line.open()
        await line.peer.drop()
        await line.lost()
        shown += [repr(event) for event in line.told(ErrorEvent)]
        for text in shown:
            assert KEY not in text, _around(text, KEY)

    @rule()
    async def test_p11_every_error_says_what_to_do_next(self, line: Line) -> None:
        """What is wrong is one sentence; the remedy is another."""
        line.record()
        messages = [str(await self._refused(line))]
        await line.connect()
        await line.peer.drop()
        await line.until_status("disconnected")
        messages += [event.message for event in line.told(ErrorEvent) if event.fatal]
        for message in messages:
            assert len(_SENTENCE.findall(message)) > 1, f"this error says no next step: {message!r}"

    async def _live(self, line: Line) -> None:
        """Say and hear things that nobody else is to know."""
        flags = line.transport.capabilities
        await line.open()
        await line.soon(line.transport.send_message(_WORDS, respond=False), "send_message() to return")
        with contextlib.suppress(TransportError):  # refused where audio travels elsewhere
            await line.soon(line.transport.send_audio(bytes([0x5A]) * 960), "send_audio() to return")
        if flags.input_transcripts != "none":
            await line.peer.hear(_WORDS)
        if flags.output_transcripts != "none":
            await line.peer.caption(_WORDS)
        await line.peer.say(line.sound(100, 0x5A))
        await line.peer.call("call_1", "look_up", f'{{"cake":"{_WORDS}"}}')
        call = await line.until(FunctionCall)
        await line.soon(line.transport.send_function_call_output(call, _WORDS, False), "the output to go out")
        await line.peer.end_turn()
        await line.peer.malformed()
        await line.settle()
        await line.peer.drop()
        await line.lost()

    async def _refused(self, line: Line) -> Exception:
        line.peer.handshake = "refuse"
        try:
            await line.connect()
        except TransportError as error:
            return error
        finally:
            line.peer.handshake = "accept"
        raise AssertionError("connect() returned, and the key was refused")


def _around(text: str, secret: str) -> str:
    at = max(text.find(secret), 0)
    return f"the secret was shown: …{text[max(at - 60, 0) : at]}⟨secret⟩…"
