"""Rules beside the promises: the plugin's door, what a command does, and what is refused."""

# A suite of tests asserts.
# ruff: noqa: S101

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias, cast

from attrs import frozen

from offhook.audio.formats import PCMU
from offhook.capabilities import Capabilities
from offhook.config import AudioConfig, AudioOutput, SessionConfig
from offhook.contract import check_transport
from offhook.errors import ContractError, ImmutableConfig, NotConnected, Unsupported
from offhook.events import FunctionCall
from offhook.hookspecs import OptionalCommands, RealtimeTransportLayer, hookimpl
from offhook.items import InputImage, McpApprovalRequestItem
from offhook.plugins import load_transport
from offhook.settings import Settings
from offhook.testing.conformance.line import MOMENTS, Line
from offhook.testing.conformance.rules import Suite, rule
from offhook.testing.conformance.waiting import turns

Work: TypeAlias = Callable[[RealtimeTransportLayer], Coroutine[Any, Any, object]]

CALL: Final = FunctionCall(call_id="call_1", name="look_up", arguments="{}")
_IMAGE: Final = InputImage(image_url="data:image/png;base64,iVBORw0KGgo=")
_REQUEST: Final = McpApprovalRequestItem(item_id="item_1", server_label="s", name="n", arguments="{}")
#: One field that some transports cannot change, for each way in which a config nests.
_UPDATES: Final = {
    "model": SessionConfig(model="another"),
    "instructions": SessionConfig(instructions="Be brief."),
    "audio.output.voice": SessionConfig(audio=AudioConfig(output=AudioOutput(voice="another"))),
    "audio.output.format": SessionConfig(audio=AudioConfig(output=AudioOutput(format=PCMU))),
    "audio.output.speed": SessionConfig(audio=AudioConfig(output=AudioOutput(speed=1.25))),
}


@frozen
class _Command:
    """A command, and whether the flags let it be refused, or promise that it is not."""

    name: str
    work: Work
    #: Whether it is to be refused; ``None``: either way.
    refused: Callable[[Capabilities], bool | None] = lambda _: False


COMMANDS: Final = (
    _Command("send_message", lambda t: t.send_message("Hello", respond=False)),
    _Command("send_event", lambda t: t.send_event({"type": "conformance"}), lambda _: None),
    _Command("update_session_config", lambda t: t.update_session_config(_UPDATES["instructions"]), lambda _: None),
    _Command("send_audio", lambda t: t.send_audio(bytes(960)), lambda c: None if c.handles_audio else False),
    _Command(
        "send_audio(commit=True)",
        lambda t: t.send_audio(bytes(960), commit=True),
        lambda c: True if c.turn_control == "server" else None if c.handles_audio else False,
    ),
    _Command("add_image", lambda t: t.add_image(_IMAGE, respond=False), lambda c: not c.images),
    _Command("request_response", lambda t: t.request_response(), lambda c: not c.request_response),
    _Command("interrupt", lambda t: t.interrupt(), lambda c: c.cancel == "none"),
    _Command("mute", lambda t: t.mute(True), lambda c: c.mute == "none"),
    _Command("reset_history", lambda t: t.reset_history((), ()), lambda c: c.history != "mutable"),
    _Command("send_mcp_response", lambda t: t.send_mcp_response(_REQUEST, True), lambda c: not c.mcp),
    _Command("send_function_call_output", lambda t: t.send_function_call_output(CALL, "done", False)),
    *(
        _Command(
            f"send_function_call_output(delivery={delivery!r})",
            # One transport says more than the type of the argument knows.
            lambda t, delivery=delivery: t.send_function_call_output(CALL, "done", False, delivery=delivery),
            lambda c, delivery=delivery: delivery not in c.deliveries,
        )
        for delivery in ("speak", "when_idle", "silent", "interrupt")
    ),
)


#: Commands that a transport has only where a flag promises them.
OPTIONAL: Final = (
    _Command("clear_audio", lambda t: _optional(t).clear_audio(), lambda c: False if c.clear_audio else None),
    *(
        _Command(
            f"send_context(mode={mode!r})",
            lambda t, mode=mode: _optional(t).send_context("It rains.", mode=mode),
            lambda c, mode=mode: False if mode in c.context_modes else None,
        )
        for mode in ("silent", "speakable", "instruction")
    ),
    _Command("finish_work", lambda t: _optional(t).finish_work("work_1"), lambda c: False if c.delegation else None),
)


class ContractRules(Suite):
    """What the contract says beside its promises."""

    @rule()
    async def test_contract_the_entry_point_makes_the_transport(self, line: Line) -> None:
        """The plugin of the transport's name loads; its factory is no coroutine, and connects nothing."""
        loaded = load_transport(line.transport.name, Settings())
        tasks = asyncio.all_tasks()
        with contextlib.suppress(TypeError):  # an option without a default
            made = loaded.make(loaded.options_class())
            assert made.name == line.transport.name, f"the entry point makes a transport named {made.name!r}"
            assert made.status == "disconnected"
        assert asyncio.all_tasks() == tasks, "make_transport() started a task; start nothing before connect()"

    @rule()
    async def test_contract_every_command_has_its_signature(self, line: Line) -> None:
        """Every command of the contract is there, async where it is, and takes the arguments it may be given."""
        check_transport(line.transport)

    @rule()
    async def test_contract_every_command_says_not_connected_without_a_connection(self, line: Line) -> None:
        """Before the first connection, after a close and after a loss; muting by the transport itself may work."""
        await self._all_say_not_connected(line)
        await line.open()
        await line.close()
        await self._all_say_not_connected(line)
        await line.connect()
        await line.peer.drop()
        await line.until_status("disconnected")
        await self._all_say_not_connected(line)

    @rule()
    async def test_contract_refused_commands_raise_unsupported_before_anything_is_sent(self, line: Line) -> None:
        """What a flag says cannot be done raises ``Unsupported`` naming the flag, and the far end hears nothing."""
        await line.open()
        await line.flushed()
        sent = len(line.peer.received)
        for command in COMMANDS:
            refused = command.refused(line.transport.capabilities)
            if refused:
                error = await self._refusal(line, command)
                assert error.flag, f"Unsupported of {command.name} must name the flag"
                assert error.remedy, f"Unsupported of {command.name} must say what to do instead"
        await line.flushed()
        beside = [received for received in line.peer.received[sent:] if "mark" not in received.text]
        assert beside == [], f"sent although it was refused: {beside}"

    @rule()
    async def test_contract_supported_commands_are_not_refused(self, line: Line) -> None:
        """What a flag promises is not refused."""
        await line.open()
        for command in _supported(line.transport):
            await line.soon(command.work(line.transport), f"{command.name} to return")

    @rule()
    async def test_contract_an_update_is_made_whole_or_refused_whole(self, line: Line) -> None:
        """A config that holds one field that cannot change raises ``ImmutableConfig`` naming it, and nothing is sent."""
        await line.open()
        await line.flushed()
        mutable = line.transport.capabilities.mutable_config
        fixed = {name: update for name, update in _UPDATES.items() if name not in mutable}
        sent = len(line.peer.received)
        for name, update in fixed.items():
            whole = SessionConfig(max_output_tokens=99).over(update)
            named = await self._refused_fields(line, whole)
            assert name in named, f"{name} is not in mutable_config, and ImmutableConfig named {named or 'nothing'}"
        await line.flushed()
        configs = [received for received in line.peer.received[sent:] if received.kind == "config"]
        assert configs == [], f"half of an update that was refused was sent: {configs}"

    @rule(mutable_config=lambda names: "instructions" in names)
    async def test_contract_an_update_reaches_the_service(self, line: Line) -> None:
        """A field that can change is sent."""
        await line.open()
        update = line.transport.update_session_config(SessionConfig(instructions="Say plum."))
        await line.soon(update, "update_session_config() to return")
        told = lambda: any("Say plum." in received.text for received in line.peer.of("config"))  # noqa: E731
        await line.peer.until(told, "the new instructions", line.patience_s)

    @rule()
    async def test_contract_a_message_reaches_the_service_once(self, line: Line) -> None:
        """Messages arrive, in order, and none twice."""
        await line.open()
        for word in ("plum", "pear", "quince"):
            await line.soon(line.transport.send_message(word, respond=False), "send_message() to return")
        await line.flushed()
        words = [received.text for received in line.peer.of("message") if "mark" not in received.text]
        assert words == ["plum", "pear", "quince"], f"of plum, pear and quince this arrived: {words}"

    @rule(handles_audio={False}, input_formats=bool)
    async def test_contract_audio_reaches_the_service_whole_and_in_order(self, line: Line) -> None:
        """Nothing of the user's voice is lost, doubled or put in another order."""
        await line.open()
        spoken = [bytes([number]) * 960 for number in range(1, 51)]
        for piece in spoken:
            await line.soon(line.transport.send_audio(piece), "send_audio() to return")
        await line.flushed()
        heard = b"".join(received.data for received in line.peer.of("audio"))
        assert heard == b"".join(spoken), "the user's audio did not arrive as it was sent"

    @rule()
    async def test_contract_a_command_cancelled_at_any_moment_leaves_the_connection_usable(self, line: Line) -> None:
        """Whoever loses patience with a command loses nothing else."""
        await line.open()
        for command in _supported(line.transport):
            for moment in (0, *MOMENTS[:4]):
                task = line.start(_as_coroutine(command, line.transport))
                await turns(moment)
                task.cancel()
                await line.soon(asyncio.wait({task}), f"a cancelled {command.name} to end")
        assert line.transport.status == "connected"
        await line.flushed()
        await line.settle()

    @rule()
    async def test_contract_a_listener_that_does_not_fit_is_refused_when_it_is_registered(self, line: Line) -> None:
        """A misspelt event, and an async hook, raise ``ContractError`` at once and not when the event comes."""
        for attempt in (
            lambda: line.transport.on("no_such_event", print),
            lambda: line.transport.register(_Misspelt()),
            lambda: line.transport.register(_Async()),
        ):
            try:
                attempt()
            except ContractError:
                continue
            raise AssertionError("a listener that can never be called was registered")

    async def _all_say_not_connected(self, line: Line) -> None:
        flags = line.transport.capabilities
        for command in (*COMMANDS, *_promised(line.transport)):
            if command.name == "mute" and flags.mute == "local":
                continue
            try:
                await line.soon(command.work(line.transport), f"{command.name} to return")
            except NotConnected:
                continue
            except Unsupported:
                if command.refused(flags) is not False:
                    continue
            raise AssertionError(f"{command.name} must raise NotConnected, for there is no connection")

    async def _refused_fields(self, line: Line, config: SessionConfig) -> tuple[str, ...]:
        try:
            await line.soon(line.transport.update_session_config(config), "update_session_config() to return")
        except ImmutableConfig as error:
            return error.fields
        return ()

    async def _refusal(self, line: Line, command: _Command) -> Unsupported:
        try:
            await line.soon(command.work(line.transport), f"{command.name} to return")
        except Unsupported as error:
            return error
        raise AssertionError(f"the capabilities say that {command.name} cannot be done, and it was not refused")


class _Misspelt:
    @hookimpl
    def audioo(self, event: object) -> None:
        """An event that there is not."""


class _Async:
    @hookimpl
    async def audio(self, event: object) -> None:
        """A hook that nobody would await."""


async def _as_coroutine(command: _Command, transport: RealtimeTransportLayer) -> None:
    await command.work(transport)


def _supported(transport: RealtimeTransportLayer) -> list[_Command]:
    flags = transport.capabilities
    return [command for command in (*COMMANDS, *_promised(transport)) if command.refused(flags) is False]


def _promised(transport: RealtimeTransportLayer) -> list[_Command]:
    """Give the optional commands that are promised, and there: one that is missing is a matter of signatures."""
    promised = [command for command in OPTIONAL if command.refused(transport.capabilities) is False]
    return [command for command in promised if hasattr(transport, command.name.partition("(")[0])]


def _optional(transport: RealtimeTransportLayer) -> OptionalCommands:
    # check_transport() sees to it that they are there, where a flag promises them.
    return cast("OptionalCommands", transport)
