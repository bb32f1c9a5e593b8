"""Seeded mutants: transports that break the contract, P1, P2 and P10 to P12 in one way each, and what catches them.

Each is laid over the transport of ``conftest.py``, which conforms. ``caught_by`` names the tests that fail, and no others do;
``changes`` are flags that it has otherwise.
"""

# A mutant's class attributes are its description.
# ruff: noqa: RUF012

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from pathlib import Path

import structlog
from attrs import evolve

from offhook.errors import AuthenticationError, ConnectCancelled, ConnectError, NotConnected
from offhook.events import ConnectionChange, ErrorEvent
from offhook.testing.conformance import TransportConformance
from offhook.testing.conformance.rules import rules_of

LOGGER = logging.getLogger("mutant")
REQUESTED = ConnectionChange(status="disconnected", reason="requested")


def test_the_transport_that_the_mutants_are_made_of_conforms(failures):
    assert failures() == {}


def test_a_mutant_is_caught_by_its_own_tests_and_by_no_others(failures, mutant):
    found = failures(mutant)
    assert set(found) == mutant.caught_by, found


def test_every_test_of_the_suite_catches_a_mutant():
    here = "".join(path.read_text() for path in Path(__file__).parent.glob("test_mutants_*.py"))
    assert set(rules_of(TransportConformance)) == set(re.findall(r'"(test_(?:p\d\d|contract)_\w+)"', here))


# The contract.


class HasAnotherName:
    caught_by = {"test_contract_the_entry_point_makes_the_transport"}

    def __init__(self, dial):
        super().__init__(dial)
        self.name = "nowhere"


class ForgetsAnArgument:
    caught_by = {"test_contract_every_command_has_its_signature"}

    async def send_function_call_output(self, call, output, start_response=True, *, delivery=None):
        await super().send_function_call_output(call, output, start_response, delivery=delivery)


class LacksACommand:
    caught_by = {"test_contract_every_command_has_its_signature"}
    changes = {"context_modes": frozenset({"silent"})}


class IsNotAsync:
    caught_by = {"test_contract_every_command_has_its_signature"}

    def send_mcp_response(self, request, approved, reason=None):
        return super().send_mcp_response(request, approved, reason)


class SendsBeforeItRefuses:
    caught_by = {"test_contract_refused_commands_raise_unsupported_before_anything_is_sent"}

    async def add_image(self, image, *, respond=True):
        await self._send("other")
        await super().add_image(image, respond=respond)


class SwallowsWhatItCannotDo:
    caught_by = {"test_contract_refused_commands_raise_unsupported_before_anything_is_sent"}

    async def mute(self, muted):
        self._require_connected("mute()")


class RefusesWhatItsFlagsPromise:
    caught_by = {"test_contract_supported_commands_are_not_refused"}

    async def send_audio(self, audio, *, commit=False):
        if commit and self._status == "connected":
            self._refuse("send_audio(commit=True)", "turn_control", "Wait.")
        await super().send_audio(audio)


class IgnoresThatItIsNotConnected:
    caught_by = {"test_contract_every_command_says_not_connected_without_a_connection"}

    async def interrupt(self, *, heard_ms=None):
        if self._status == "connected":
            await super().interrupt(heard_ms=heard_ms)


class UpdatesHalf:
    caught_by = {"test_contract_an_update_is_made_whole_or_refused_whole"}

    async def update_session_config(self, config):
        await self._send("config", text="the half that can change")
        await super().update_session_config(config)


class UpdatesNothing:
    caught_by = {"test_contract_an_update_reaches_the_service"}

    async def _send(self, kind, **members):
        if kind != "config":
            await super()._send(kind, **members)
        self._require_connected(kind)


class PromisesMoreLater:
    caught_by = {"test_contract_capabilities_only_narrow_until_session_ready"}

    def _on_ready(self, frame):
        self._capabilities = evolve(self.flags, dtmf=True)
        super()._on_ready(frame)


class StuttersInWriting:
    caught_by = {"test_contract_a_message_reaches_the_service_once"}

    async def send_message(self, message, *, respond=True):
        await super().send_message(message, respond=respond)
        if message == "pear":
            await super().send_message(message, respond=respond)


class LosesTheUsersVoice:
    caught_by = {"test_contract_audio_reaches_the_service_whole_and_in_order"}
    pieces = 0

    async def send_audio(self, audio, *, commit=False):
        self.pieces += 1
        if self.pieces != 25:
            await super().send_audio(audio, commit=commit)


class HangsUpOnTheImpatient:
    caught_by = {"test_contract_a_command_cancelled_at_any_moment_leaves_the_connection_usable"}

    async def request_response(self, response=None):
        try:
            await asyncio.sleep(0)
            return await super().request_response(response)
        except asyncio.CancelledError:
            self._over(ConnectionChange(status="disconnected", reason="lost"))
            raise


class TakesEveryListener:
    caught_by = {"test_contract_a_listener_that_does_not_fit_is_refused_when_it_is_registered"}

    def register(self, listener):
        with contextlib.suppress(Exception):
            super().register(listener)


# P1


class ConnectsTooSoon:
    caught_by = {"test_p01_connect_resolves_when_the_service_took_the_session"}

    async def _accepted(self):
        pass

    def _on_ready(self, frame):
        # The far end in memory answers so fast that nobody would notice.
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, super()._on_ready, frame)


class DoesNotSayThatItIsTheKey:
    caught_by = {"test_p01_a_refused_key_raises_and_the_transport_connects_again"}

    async def _establish(self, options):
        try:
            await super()._establish(options)
        except AuthenticationError as error:
            raise ConnectError(str(error)) from None


class ConnectsTwice:
    caught_by = {"test_p01_an_overlapping_connect_is_refused_and_harms_nothing"}

    async def connect(self, options=None):
        if self._status != "connected":
            await super().connect(options)


class CallsItAFailureToBeClosed:
    caught_by = {"test_p01_closing_while_connecting_cancels_it"}

    async def connect(self, options=None):
        try:
            await super().connect(options)
        except ConnectCancelled as error:
            raise ConnectError(str(error)) from None


class CannotBeClosedBetweenTheHandshakeAndTheSession:
    caught_by = {"test_p01_closing_at_any_moment_of_connecting_leaves_it_reusable"}

    async def close(self, *, timeout_s=5.0):
        if self._status == "connected" and not self._attempt.done():
            return
        await super().close(timeout_s=timeout_s)


class CannotBeCancelled:
    caught_by = {"test_p01_cancelling_connect_at_any_moment_leaves_it_reusable"}

    async def connect(self, options=None):
        with contextlib.suppress(asyncio.CancelledError):
            await super().connect(options)


# P2


class TellsTwiceThatItIsConnected:
    caught_by = {"test_p02_the_status_follows_the_life_cycle_and_nothing_else"}

    def _on_ready(self, frame):
        super()._on_ready(frame)
        self._emit(ConnectionChange(status="connected"))


class TellsOfAnEndForEveryClose:
    caught_by = {"test_p02_close_is_idempotent"}

    async def close(self, *, timeout_s=5.0):
        if self._status == "disconnected":
            self._emit(REQUESTED)
        await super().close(timeout_s=timeout_s)


class LetsReadersWaitAfterItWasClosed:
    caught_by = {"test_p02_close_wakes_every_waiter"}

    def _change(self, change):
        if self._status != "disconnecting":
            super()._change(change)
            return
        self._status = change.status
        self._emit(change)


class IsStuckWhenNobodyWaitsForItsEnd:
    caught_by = {"test_p02_cancelling_close_at_any_moment_still_ends_it"}

    async def close(self, *, timeout_s=5.0):
        if self._status == "connected" and self._attempt.done():
            self._change(ConnectionChange(status="disconnecting", reason="requested"))
            await asyncio.sleep(0)
            self._over(REQUESTED)
        await super().close(timeout_s=timeout_s)


# P10


class RemembersEveryTurn:
    caught_by = {"test_p10_memory_does_not_grow_with_the_number_of_turns"}

    def _on_end(self, frame):
        self.history = [*getattr(self, "history", ()), dict(frame)]
        super()._on_end(frame)


class SendsWithoutWaiting:
    caught_by = {"test_p10_a_peer_that_does_not_read_costs_a_bounded_amount"}

    async def _send(self, kind, **members):
        self._require_connected(kind)
        self._post(kind, **members)


class SaysGoodbyeForAsLongAsItTakes:
    caught_by = {"test_p10_closing_does_not_wait_for_a_peer_that_does_not_read"}

    async def close(self, *, timeout_s=5.0):
        if self._status == "connected":
            await self._send("other")
        await super().close(timeout_s=timeout_s)


class LeavesATaskBehind:
    caught_by = {"test_p10_no_task_and_no_thread_is_left_behind"}

    async def _accepted(self):
        await super()._accepted()
        self.heartbeat = asyncio.create_task(asyncio.Event().wait())


class LeavesAThreadBehind:
    caught_by = {"test_p10_no_task_and_no_thread_is_left_behind"}

    async def _accepted(self):
        await super()._accepted()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.stop.wait, name=f"mutant {id(self.stop)}", args=(5,), daemon=True)
        self.thread.start()


# P11


class LogsTheKey:
    caught_by = {"test_p11_no_key_is_ever_logged"}

    async def _establish(self, options):
        LOGGER.debug("connecting with %s", {"Authorization": f"Bearer {options.api_key}"})
        await super()._establish(options)


class LogsTheKeyByStructlog:
    caught_by = {"test_p11_no_key_is_ever_logged"}

    async def _establish(self, options):
        structlog.get_logger().debug("connecting", key=options.api_key)
        await super()._establish(options)


class PrintsTheKey:
    caught_by = {"test_p11_no_key_is_ever_logged"}

    async def _establish(self, options):
        print("connecting with", options.api_key)
        await super()._establish(options)


class LogsWhatIsSaid:
    caught_by = {"test_p11_nothing_that_was_said_is_ever_logged"}

    def _raw(self, frame):
        LOGGER.debug("received %s", frame)
        super()._raw(frame)


class ShowsTheKeyInAnError:
    caught_by = {"test_p11_no_key_is_in_an_error_or_a_representation"}

    async def _establish(self, options):
        try:
            await super()._establish(options)
        except AuthenticationError:
            raise AuthenticationError(f"{options.api_key} was refused. Give another.") from None


class DoesNotSayWhatToDoNext:
    caught_by = {"test_p11_every_error_says_what_to_do_next"}

    async def _establish(self, options):
        try:
            await super()._establish(options)
        except AuthenticationError:
            raise AuthenticationError("HTTP 401") from None


# P12


class CallsALossAWish:
    caught_by = {"test_p12_a_lost_connection_is_reported"}

    def _ended(self, code):
        if code == 1000:
            super()._ended(code)
        else:
            self._emit(ErrorEvent(message="the string broke. Connect again.", fatal=True))
            self._over(REQUESTED)


class TellsOfALossWithoutAnError:
    caught_by = {"test_p12_a_lost_connection_is_reported"}

    def _emit(self, event):
        if not (isinstance(event, ErrorEvent) and self._status == "connected"):
            super()._emit(event)


class IsSilentWhenTheServiceHangsUp:
    caught_by = {"test_p12_a_polite_goodbye_of_the_service_is_reported"}

    def _ended(self, code):
        if code != 1000:
            super()._ended(code)


class IsSilentWhenTheConnectionIsLost:
    caught_by = {
        "test_contract_every_command_says_not_connected_without_a_connection",
        "test_p02_the_status_follows_the_life_cycle_and_nothing_else",
        "test_p10_no_task_and_no_thread_is_left_behind",
        "test_p11_every_error_says_what_to_do_next",
        "test_p11_no_key_is_ever_logged",
        "test_p11_no_key_is_in_an_error_or_a_representation",
        "test_p11_nothing_that_was_said_is_ever_logged",
        "test_p12_a_loss_wakes_every_waiter",
        "test_p12_a_lost_connection_is_reported",
        "test_p12_after_a_loss_the_transport_connects_again",
    }

    def _ended(self, code):
        if code == 1000:
            super()._ended(code)


class LetsReadersWaitAfterALoss:
    caught_by = {"test_p12_a_loss_wakes_every_waiter"}

    def _change(self, change):
        if change.reason != "lost":
            super()._change(change)
            return
        self._status = change.status
        self._emit(change)


class DialsForEver:
    caught_by = {"test_p12_a_loss_while_connecting_is_raised"}

    async def _establish(self, options):
        while True:
            try:
                return await super()._establish(options)
            except AuthenticationError:
                raise
            except ConnectError:
                pass


class LetsASenderWaitAfterALoss:
    caught_by = {"test_p12_a_command_that_waits_is_told_of_the_loss"}
    lost = False

    def _ended(self, code):
        self.lost = code != 1000
        super()._ended(code)

    async def _send(self, kind, **members):
        try:
            await super()._send(kind, **members)
        except NotConnected as error:
            if error.status == "losing its connection" and (self.lost or self._status == "connected"):
                await asyncio.Event().wait()
            raise


class ConnectsOnlyUntilItIsLost:
    caught_by = {
        "test_p02_the_status_follows_the_life_cycle_and_nothing_else",
        "test_p10_no_task_and_no_thread_is_left_behind",
        "test_p12_after_a_loss_the_transport_connects_again",
    }
    lost = False

    def _ended(self, code):
        self.lost = code != 1000
        super()._ended(code)

    async def connect(self, options=None):
        if self.lost:
            raise ConnectError("the connection was lost. Make another transport.")
        await super().connect(options)
