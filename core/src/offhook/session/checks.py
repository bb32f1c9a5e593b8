"""What guardrails of either side share: asking them all at once, and telling the model what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Literal

from attrs import define, field, frozen

from offhook.agent import RealtimeAgent
from offhook.capabilities import Capabilities
from offhook.context import RunContext
from offhook.errors import ConfigError, NotConnected, Unsupported
from offhook.guardrail import Guardrail, GuardrailResult, GuardrailSettings, InputGuardrail, OutputGuardrail
from offhook.items import InputText, MessageItem
from offhook.session.conversation import Conversation
from offhook.session.events import GuardrailTripped


@frozen(kw_only=True)
class Guards:
    """What a session was given to guard it. Raises ``ConfigError`` for what is no guardrail of that side."""

    outputs: tuple[OutputGuardrail, ...] = field(default=(), converter=tuple)
    inputs: tuple[InputGuardrail, ...] = field(default=(), converter=tuple)
    settings: GuardrailSettings = GuardrailSettings()

    def __attrs_post_init__(self) -> None:
        for side, kind, given in (("output", OutputGuardrail, self.outputs), ("input", InputGuardrail, self.inputs)):
            for guardrail in given:
                if not isinstance(guardrail, kind):  # pyright: ignore[reportUnnecessaryIsInstance]  # not everyone has a checker
                    raise ConfigError(
                        f"{guardrail!r} is no {side} guardrail. Decorate the check with @{side}_guardrail, or pass "
                        f"{kind.__name__}(name, check)."
                    )

    @property
    def hold_back_s(self) -> float:
        """How long audio may wait, in seconds; 0 if nothing would let it go on."""
        return self.settings.hold_back_ms / 1000 if self.outputs else 0.0

    def require(self, flags: Capabilities) -> None:
        """Raise ``Unsupported`` where the transport lacks what these guardrails live on."""
        speech_is_written = flags.output_transcripts != "none"
        if self.outputs and not (speech_is_written or flags.text_output):
            raise Unsupported("output_guardrails", "output_transcripts=none", _NO_WORDS)
        if self.hold_back_s and not speech_is_written:
            raise Unsupported("hold_back_ms", "output_transcripts=none", _NO_WORDS)
        if self.hold_back_s and flags.handles_audio:
            raise Unsupported("hold_back_ms", "handles_audio=True", _NO_AUDIO)
        if self.inputs and flags.input_transcripts == "none":
            raise Unsupported("input_guardrails", "input_transcripts=none", _NO_WORDS)
        if self.inputs and not flags.request_response:
            raise Unsupported("input_guardrails", "request_response=False", _ANSWERS_ALONE)
        if self.inputs and "audio.input.turn_detection" not in flags.mutable_config:
            raise Unsupported("input_guardrails", "no audio.input.turn_detection in mutable_config", _ANSWERS_ALONE)


_NO_WORDS: Final = "There are no words to check. Use a transport that has transcripts."
_NO_AUDIO: Final = (
    "The audio does not pass through here. Set hold_back_ms=0 (what trips is still stopped), or use a transport that "
    "carries the audio."
)
_ANSWERS_ALONE: Final = (
    "The model answers by itself, before anything is checked. Use a transport that can be asked to wait."
)


@frozen(kw_only=True)
class Verdict:
    """What all guardrails together said of a text: which one tripped, and whether each of them gave a result at all."""

    guardrail: Guardrail | None = None
    info: Any = None
    complete: bool = True


@define(eq=False)
class Checks:
    """Asks guardrails, and tells the model."""

    conversation: Conversation
    settings: GuardrailSettings

    async def verdict(self, guardrails: Sequence[Guardrail], agent: RealtimeAgent, text: str) -> Verdict:
        """Ask all guardrails at once. Of those that trip, the first in the order they are given in counts."""
        context = self.conversation.run_context(agent)
        asked = [self.conversation.tasks.start(self._ask(one, context, text), _task(one)) for one in guardrails]
        complete = True
        for guardrail, answer in zip(guardrails, asked, strict=True):
            result = await answer
            if result is None:
                complete = False
            elif result.tripped:
                for late in asked:
                    late.cancel()
                return Verdict(guardrail=guardrail, info=result.info)
        return Verdict(complete=complete)

    async def _ask(self, guardrail: Guardrail, context: RunContext[Any], text: str) -> GuardrailResult | None:
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                return await guardrail.run(context, text)
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            # Without the error's own words: they may hold what people said, and this is logged.
            self.conversation.fail(
                f"guardrail {guardrail.name!r} gave no result: {type(error).__name__}. The event holds the error.",
                "guardrail_error",
                error,
            )
            return None

    async def give_feedback(self, trip: GuardrailTripped, *, respond: bool = True) -> None:
        """Tell the model about a trip, and ask it to reply, unless the application wants none of that."""
        feedback = self.settings.feedback
        try:
            words = feedback(trip) if feedback else None
        except Exception as error:  # noqa: BLE001  # the application's code: the trip has had its effect all the same
            self.conversation.fail(
                f"feedback= raised {type(error).__name__}, and the model was not told of the trip.",
                "guardrail_feedback_failed",
                error,
            )
            return
        if words:
            await self.tell_model(words, "user" if trip.kind == "output" else "system", respond=respond)

    async def tell_model(self, words: str, role: Literal["user", "system"], *, respond: bool = True) -> None:
        """Tell the model something, and want a reply to it. Where nothing can be added to the talk, nothing happens."""
        transport, flags = self.conversation.transport, self.conversation.transport.capabilities
        try:
            if flags.history in {"append", "mutable"} and (respond or flags.quiet_messages):
                message = MessageItem(item_id="", role=role, content=(InputText(words),))
                await transport.send_message(message, respond=respond)
            elif (mode := "speakable" if respond else "silent") in flags.context_modes:
                await transport.send_context(words, mode=mode)  # type: ignore[attr-defined]  # the flag says that it is there
        except NotConnected:
            pass  # the connection tells that it is gone
        except Exception as error:  # noqa: BLE001  # whatever it was, the model knows nothing, and somebody must know
            self.conversation.fail(
                f"the model could not be told of a trip: {error}", "guardrail_feedback_failed", error
            )


def _task(guardrail: Guardrail) -> str:
    return f"offhook guardrail {guardrail.name}"


def _is_cancelled() -> bool:
    """Whether this task is to end, or the application's code only looks as if."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
