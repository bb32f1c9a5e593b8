"""Seeded mutants: transports that break P3 to P9, and the flags of what is said, in one way each; and what catches them.

Each is laid over the transport of ``conftest.py``, which conforms. ``caught_by`` names the tests that fail, and no others do;
``changes`` are flags that it has otherwise.
"""

# A mutant's class attributes are its description.
# ruff: noqa: RUF012

from __future__ import annotations

import asyncio
import inspect
import json
from collections import deque

from offhook.events import ErrorEvent, FunctionCallCancelled


def test_a_mutant_is_caught_by_its_own_tests_and_by_no_others(failures, mutant):
    found = failures(mutant)
    assert set(found) == mutant.caught_by, found


# Flags that promise events.


class DoesNotTellThatTheUserSpeaks:
    caught_by = {"test_contract_speech_events_of_the_user_are_told"}

    def _on_speech(self, frame):
        self._cut("user_speech")


class DoesNotTellThatTheAssistantSpeaks:
    caught_by = {"test_contract_speech_events_of_the_assistant_are_told"}

    def _emit(self, event):
        if event.hook != "output_speech_stopped":
            super()._emit(event)


class ForgetsWhatTheUserSaid:
    caught_by = {"test_contract_transcripts_of_the_user_are_told"}

    def _on_words(self, frame):
        pass


class RepeatsWhatTheAssistantSaid:
    caught_by = {"test_contract_transcripts_of_the_assistant_are_told"}

    def _on_caption(self, frame):
        super()._on_caption(frame)
        super()._on_caption(frame)


# P3


class TellsTheFrameLast:
    caught_by = {"test_p03_the_raw_event_comes_first"}

    def _on_call(self, frame):
        super()._on_call(frame)
        super()._raw(frame)

    def _raw(self, frame):
        if frame["t"] != "call":
            super()._raw(frame)


class TellsTheFrameTwice:
    caught_by = {"test_p03_the_raw_event_has_the_payload_as_received"}

    def _raw(self, frame):
        super()._raw(frame)
        if frame["t"] == "novelty":
            super()._raw(frame)


class ComplainsOfNovelties:
    caught_by = {"test_p03_a_frame_of_an_unknown_kind_is_no_error"}

    def _on_novelty(self, frame):
        self._emit(ErrorEvent(message="an unknown frame. Update the transport."))


# P4


class CallsNonsenseFatal:
    caught_by = {"test_p04_a_malformed_frame_does_not_end_the_conversation"}

    def _malformed(self, why):
        super()._malformed(why)
        self._emit(ErrorEvent(message="a malformed frame. Complain.", fatal=True))


class StopsReadingAtNonsense:
    caught_by = {
        "test_p04_a_malformed_frame_does_not_end_the_conversation",
        "test_p04_a_malformed_frame_is_a_warning",
        "test_p11_no_key_is_ever_logged",
        "test_p11_nothing_that_was_said_is_ever_logged",
    }

    def _malformed(self, why):
        self._take = lambda _: None


class PassesOverNonsenseInSilence:
    caught_by = {"test_p04_a_malformed_frame_is_a_warning"}

    def _malformed(self, why):
        pass


# P5


class LosesAPieceOfAudio:
    caught_by = {"test_p05_audio_comes_whole_and_in_order"}
    pieces = 0

    def _on_say(self, frame):
        self.pieces += 1
        if self.pieces != 25:
            super()._on_say(frame)


class PlaysGhostsAfterItsOwnInterruption:
    caught_by = {"test_p05_no_audio_of_an_interrupted_epoch_is_delivered"}

    def _cut(self, reason):
        super()._cut(reason)
        if reason == "client":
            self._silenced.clear()


class PlaysGhostsUnderTheirOldEpoch:
    caught_by = {"test_p05_no_audio_is_delivered_after_the_user_interrupted"}

    def _cut(self, reason):
        super()._cut(reason)
        self._ghostly = reason == "user_speech"

    def _on_end(self, frame):
        self._ghostly = False
        super()._on_end(frame)

    def _on_say(self, frame):
        if not getattr(self, "_ghostly", False):
            super()._on_say(frame)
            return
        self._silenced.clear()
        self._epoch -= 1
        super()._on_say(frame)
        self._epoch += 1


class SwallowsTheBeginningOfTheNextAnswer:
    caught_by = {"test_p05_audio_after_an_interruption_is_not_lost"}
    deaf = False

    def _on_end(self, frame):
        self.deaf = frame["turn"] in self._silenced
        super()._on_end(frame)

    def _on_say(self, frame):
        deaf, self.deaf = self.deaf, False
        if not deaf:
            super()._on_say(frame)


class CountsNoEpochs:
    caught_by = {
        "test_p05_audio_after_an_interruption_is_not_lost",
        "test_p05_every_interruption_is_told_with_an_epoch_of_its_own",
    }

    def _cut(self, reason):
        super()._cut(reason)
        self._epoch = 1


# P6


class TellsWhatWasReceived:
    caught_by = {"test_p06_the_model_is_told_what_was_heard"}

    def _heard_ms(self):
        return int(self._received_ms)


class BelievesEverySink:
    caught_by = {"test_p06_the_position_is_never_above_what_was_received"}

    def _heard_ms(self):
        return int(self._played_ms)


class TellsAPositionThatNobodyKnows:
    caught_by = {"test_p06_where_the_client_does_not_truncate_no_position_is_sent"}
    changes = {"truncate": "server"}


# P7


class TidiesTheArguments:
    caught_by = {"test_p07_every_call_is_told_once_as_it_was_made"}

    def _on_call(self, frame):
        try:
            json.loads(frame["arguments"])
        except ValueError:
            frame = {**frame, "arguments": "{}"}
        super()._on_call(frame)


class MixesUpOutputs:
    caught_by = {"test_p07_every_call_gets_exactly_one_output"}

    async def send_function_call_output(self, call, output, start_response=True, *, delivery=None, final=True):
        self.answered = call
        await asyncio.sleep(0)
        await super().send_function_call_output(self.answered, output, start_response, delivery=delivery)


class AnswersAgainWhenItIsCancelled:
    caught_by = {"test_p07_an_output_cancelled_on_its_way_goes_out_once_or_not_at_all"}

    async def send_function_call_output(self, call, output, start_response=True, *, delivery=None, final=True):
        await super().send_function_call_output(call, output, start_response, delivery=delivery)
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._post("output", id=call.call_id, text=output)
            raise


class WithdrawsCallsWhenItIsInterrupted:
    caught_by = {"test_p07_an_interruption_withdraws_no_call"}

    def _on_speech(self, frame):
        super()._on_speech(frame)
        self._emit(FunctionCallCancelled(call_ids=("call_1",)))


class ForgetsThatACallWasWithdrawn:
    caught_by = {"test_p07_a_call_that_the_service_withdraws_is_told_once"}

    def _on_withdraw(self, frame):
        pass


# P8


class ForgetsTheFirstWish:
    caught_by = {
        "test_p08_a_reply_asked_for_is_requested",
        "test_p08_a_reply_that_lost_the_race_is_requested_again_once",
        "test_p08_a_turn_tells_which_wish_it_answers",
    }

    async def request_response(self, response=None):
        self._require_connected("request_response()")
        return await super().request_response(response) if self._turn else "wish_0"


class SaysNothingWhereNothingCanBeAskedFor:
    caught_by = {
        "test_contract_refused_commands_raise_unsupported_before_anything_is_sent",
        "test_p08_where_replies_cannot_be_asked_for_that_is_said",
    }
    changes = {"request_response": False, "request_ids": False}

    async def request_response(self, response=None):
        self._require_connected("request_response()")


class GivesUpARace:
    caught_by = {
        "test_p08_a_reply_that_lost_the_race_is_requested_again_once",
        "test_p08_a_turn_tells_which_wish_it_answers",
    }

    def _on_busy(self, frame):
        self._asked = False


class AsksWhileTheServiceSpeaks:
    caught_by = {"test_p08_wishes_during_a_turn_become_one_when_it_is_done"}

    def _may_ask(self):
        turn, self._turn = self._turn, None
        may = super()._may_ask()
        self._turn = turn
        return may


class GivesAWishNoId:
    caught_by = {"test_p08_a_reply_asked_for_is_requested"}
    changes = {"request_ids": False}

    async def request_response(self, response=None):
        await super().request_response(response)


class TakesTheFirstTurnForTheAnswer:
    caught_by = {"test_p08_a_turn_tells_which_wish_it_answers"}

    def _on_turn(self, frame):
        super()._on_turn({**frame, "wish": self._wish})


# P9


class ForgetsAListenerThatRaises:
    caught_by = {"test_p09_a_listener_that_raises_harms_nobody"}

    def on(self, name, listener):
        def once(event):
            try:
                return listener(event)
            except Exception:
                stop()
                raise

        stop = super().on(name, listener if inspect.iscoroutinefunction(listener) else once)
        return stop


class WaitsForItsListeners:
    caught_by = {"test_p09_a_slow_async_listener_delays_nobody"}

    def on(self, name, listener):
        if not inspect.iscoroutinefunction(listener):
            return super().on(name, listener)
        self.waiting = getattr(self, "waiting", [])
        return super().on(name, lambda event: self.waiting.append(listener(event)))

    async def _receive(self, channel):
        async for text in channel:
            self._take(text)
            waiting, self.waiting = getattr(self, "waiting", []), []
            await asyncio.gather(*waiting)
        self._ended(channel.close_code)


class Reader:
    """An ``async for`` over as many of the newest events as it keeps."""

    def __init__(self, transport, names, kept):
        self.events = deque(maxlen=kept)
        self.news = asyncio.Event()
        self.over = False
        for name in names or ("turn_done",):
            transport.on(name, self.put)
        transport.on("connection_change", self.end)

    def put(self, event):
        self.events.append(event)
        self.news.set()

    def end(self, change):
        self.over = change.status == "disconnected"
        self.news.set()

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self.events:
            if self.over:
                raise StopAsyncIteration
            self.news.clear()
            await self.news.wait()
        return self.events.popleft()


class LosesEventsOfASlowReaderInSilence:
    caught_by = {"test_p09_a_reader_that_falls_too_far_behind_is_told_so"}

    def events(self, *names):
        return Reader(self, names, 20)


class KeepsEverythingForASlowReader:
    caught_by = {"test_p10_a_reader_that_stops_costs_a_bounded_amount"}

    def events(self, *names):
        return Reader(self, names, None)
