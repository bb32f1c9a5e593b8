"""offhook.realtime.responses: at most one create under way, and no wish is ever lost (P8)."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from offhook.realtime.responses import ACTIVE_RESPONSE, ResponseScheduler
from offhook.realtime.server_events import ErrorBody


@pytest.fixture
def scheduler():
    numbers = itertools.count(1)
    return ResponseScheduler(lambda kind: f"{kind}_{next(numbers)}")


def create(number, **members):
    return {"type": "response.create", "event_id": f"create_{number}", **members}


def manual(**body):
    return {"type": "response.create", "response": body}


def lost_race(event_id=None):
    return ErrorBody(code=ACTIVE_RESPONSE, message="Conversation already has an active response", event_id=event_id)


def test_b11_a_wish_goes_out_at_once_when_nothing_is_under_way(scheduler):
    """B11: the create is on its way before the call returns."""
    assert scheduler.request() == [create(1)]
    assert scheduler.busy


def test_b06_three_wishes_during_a_response_become_one_create_after_it(scheduler):
    """B6: automatic wishes coalesce."""
    scheduler.created("foreign")
    assert [scheduler.request() for _ in range(3)] == [[], [], []]
    assert scheduler.done("foreign") == [create(1)]
    scheduler.created("ours")
    assert scheduler.done("ours") == []
    assert not scheduler.busy


def test_b07_a_wish_made_while_a_create_is_unanswered_gets_one_of_its_own(scheduler):
    """B7: a create covers what was wished before it went out, not what came later."""
    scheduler.request()
    assert scheduler.request() == []
    scheduler.created("r1")
    assert scheduler.done("r1") == [create(2)]


def test_b08_an_automatic_and_a_manual_wish_go_out_in_order_in_turns_of_their_own(scheduler):
    """B8: manual wishes never coalesce, and nothing overtakes them."""
    scheduler.created("r0")
    scheduler.request()
    scheduler.request(manual(instructions="a"))
    scheduler.request(manual(instructions="b"))
    scheduler.request()
    scheduler.request()
    sent = []
    for number in range(5):
        sent += scheduler.done(f"r{number}")
        scheduler.created(f"r{number + 1}")
    assert [frame.get("response") for frame in sent] == [None, {"instructions": "a"}, {"instructions": "b"}, None]


def test_b08_a_caller_s_event_id_is_kept(scheduler):
    """B8: a manual create is exactly what was given."""
    frame = {"type": "response.create", "event_id": "mine"}
    assert scheduler.request(frame) == [frame]


def test_b09_a02_p08_a_create_that_lost_the_race_is_sent_again_when_the_winner_is_done(scheduler):
    """B9, A2, P8: also when the winner's ``response.created`` came before the rejection."""
    scheduler.request()
    scheduler.created("vad")
    assert scheduler.failed(lost_race("create_1")) == []
    assert scheduler.done("vad") == [create(2)]


def test_b09_a02_p08_a_rejection_before_the_winner_is_known_waits_for_it_all_the_same(scheduler):
    """B9, A2, P8: the error first, then the foreign ``response.created``."""
    scheduler.request()
    assert scheduler.failed(lost_race("create_1")) == []
    assert scheduler.request() == []
    scheduler.created("vad")
    assert scheduler.done("vad") == [create(2)]


def test_b09_p08_a_rejection_that_names_no_frame_is_linked_all_the_same(scheduler):
    """B9, as offhook has it: whether or not the error is linked by ``event_id``."""
    scheduler.request(manual(instructions="a"))
    assert scheduler.failed(lost_race()) == []
    assert scheduler.done("vad") == [create(2, response={"instructions": "a"})]


@pytest.mark.parametrize(
    "error",
    [
        ErrorBody(code="response_create_failed", message="no"),
        ErrorBody(code=None, message="invalid response.create"),
        ErrorBody(code="invalid_value", message="no", event_id="create_1"),
    ],
)
def test_b09_a_hopeless_create_is_dropped_and_what_it_covered_is_tried_again(scheduler, error):
    """B9: covered automatic wishes are tried again with a new id; the one that is refused each time is not for ever."""
    scheduler.created("r0")
    scheduler.request()
    scheduler.request()
    assert scheduler.done("r0") == [create(1)]
    assert scheduler.failed(error) == [create(2)]
    assert scheduler.failed(ErrorBody(code="invalid_value", event_id="create_2")) == []
    assert not scheduler.busy


@pytest.mark.parametrize(
    "error",
    [ErrorBody(code=ACTIVE_RESPONSE, event_id="another"), ErrorBody(code="rate_limit_exceeded", message="slow down")],
)
def test_b09_an_error_about_something_else_changes_nothing(scheduler, error):
    """B9: an unrelated error id changes nothing."""
    scheduler.request()
    assert scheduler.failed(error) == []
    scheduler.created("ours")
    assert scheduler.done("ours") == []


def test_p08_a_create_that_was_still_on_its_way_when_another_response_ended_is_not_forgotten(scheduler):
    """P8: a foreign response may begin and end before our create reaches the service, and a second one refuse it."""
    assert scheduler.request(manual(instructions="a")) == [create(1, response={"instructions": "a"})]
    scheduler.created("vad1")
    assert scheduler.done("vad1") == []
    scheduler.created("vad2")
    assert scheduler.failed(lost_race("create_1")) == []
    assert scheduler.done("vad2") == [create(2, response={"instructions": "a"})]


def test_p08_a_late_rejection_that_names_no_frame_is_the_newest_one_s(scheduler):
    """P8: the events of a service may be late, and its errors unlinked."""
    for number in (1, 2):
        scheduler.request(manual(instructions=str(number)))
        scheduler.created(f"r{number}")
        scheduler.done(f"r{number}")
    scheduler.created("vad")
    assert scheduler.failed(lost_race()) == []
    assert scheduler.done("vad") == [create(3, response={"instructions": "2"})]


def test_p08_a_late_error_of_another_kind_brings_no_second_reply(scheduler):
    """P8: sent again, once; only a lost race says that there was no reply."""
    scheduler.request()
    scheduler.created("ours")
    scheduler.done("ours")
    assert scheduler.failed(ErrorBody(code="server_error", event_id="create_1")) == []
    assert not scheduler.busy


def test_b12_a_response_is_cancelled_once(scheduler):
    """B12: however often it is asked; the next response can be cancelled again."""
    assert scheduler.cancel() == []
    scheduler.created("r1")
    assert scheduler.cancel() == [{"type": "response.cancel", "event_id": "cancel_1"}]
    assert scheduler.cancel() == []
    scheduler.done("r1")
    scheduler.created("r2")
    assert scheduler.cancel() == [{"type": "response.cancel", "event_id": "cancel_2"}]


def test_a_wish_waits_until_a_cancelled_response_is_done(scheduler):
    scheduler.created("r1")
    scheduler.cancel()
    assert scheduler.request() == []
    assert scheduler.done("r1") == [create(2)]


def test_a_response_beside_the_active_one_frees_nothing(scheduler):
    scheduler.created("beside")
    scheduler.created("active")
    scheduler.request()
    assert scheduler.done("beside") == []
    assert scheduler.done("active") == [create(1)]


def test_p10_what_is_remembered_does_not_grow_with_the_turns(scheduler):
    """P10: a thousand turns weigh what ten do."""
    for number in range(1000):
        scheduler.request()
        scheduler.created(f"r{number}")
        scheduler.done(f"r{number}")
    assert len(scheduler._presumed) <= 8
    assert not scheduler._wishes


@frozen
class How:
    """Which way takes time, and whether an error says what it is about."""

    uplink_is_slow: bool
    downlink_is_slow: bool
    links_errors: bool

    @property
    def knows_everything(self):
        return not (self.uplink_is_slow or self.downlink_is_slow)


class Service:
    """A service that takes one response at a time, and starts some by itself."""

    def __init__(self, scheduler, how):
        self.scheduler = scheduler
        self.how = how
        self.uplink, self.downlink = deque(), deque()
        self.active = None
        self.numbers = itertools.count(1)
        self.accepted = []
        #: Creates that the client sent and has not heard the fate of.
        self.open = set()

    def send(self, frames):
        for frame in frames:
            if self.how.knows_everything:
                assert not self.open, "two creates under way"
            self.open.add(frame["event_id"])
            self.uplink.append(frame)
        if not self.how.uplink_is_slow:
            self.take()

    def take(self):
        if not self.uplink:
            return
        frame = self.uplink.popleft()
        if self.active is None:
            self.accepted.append(frame)
            self.begin(frame["event_id"])
        else:
            self.tell("error", frame["event_id"])

    def begin(self, event_id=None):
        if self.active is None:
            self.active = f"resp_{next(self.numbers)}"
            self.tell("created", self.active, event_id)

    def finish(self):
        if self.active is not None:
            ended, self.active = self.active, None
            self.tell("done", ended)

    def tell(self, *event):
        self.downlink.append(event)
        if not self.how.downlink_is_slow:
            self.deliver()

    def deliver(self):
        match self.downlink.popleft() if self.downlink else None:
            case ("created", response_id, event_id):
                self.open.discard(event_id)
                self.scheduler.created(response_id)
            case ("done", response_id):
                self.send(self.scheduler.done(response_id))
            case ("error", event_id):
                self.open.discard(event_id)
                self.send(self.scheduler.failed(lost_race(event_id if self.how.links_errors else None)))
            case None:
                pass

    def come_to_rest(self):
        for _ in range(10_000):
            if not (self.uplink or self.downlink or self.active):
                return
            self.take()
            self.deliver()
            if not self.downlink:
                self.finish()
        raise AssertionError("it never ends")


STEPS = st.lists(st.sampled_from(["automatic", "manual", "take", "begin", "finish", "deliver", "deliver"]), max_size=60)


# An error that is late and does not say what it is about cannot be understood by anyone.
WAYS = st.builds(How, uplink_is_slow=st.booleans(), downlink_is_slow=st.booleans(), links_errors=st.booleans()).filter(
    lambda how: how.links_errors or how.knows_everything
)


@given(STEPS, WAYS)
def test_p08_no_wish_is_lost_and_never_are_two_creates_under_way_for_any_interleaving(steps, how):
    """P8: against a service that rejects, accepts and starts responses of its own, with delays either way.

    While events or frames are on their way, nobody can know whether a response that begins is the one asked for, so there
    only loss is judged.
    """
    numbers = itertools.count(1)
    scheduler = ResponseScheduler(lambda kind: f"{kind}_{next(numbers)}")
    service = Service(scheduler, how)
    wishes = 0
    automatic_after = None
    for step in steps:
        if step == "automatic":
            automatic_after = next(numbers)
            service.send(scheduler.request())
        elif step == "manual":
            wishes += 1
            service.send(scheduler.request(manual(instructions=str(wishes))))
        else:
            getattr(service, step)()
    service.come_to_rest()
    bodies = [frame["response"]["instructions"] for frame in service.accepted if "response" in frame]
    assert sorted(bodies, key=int) == [str(number + 1) for number in range(wishes)]
    if automatic_after is not None:
        last = [frame for frame in service.accepted if "response" not in frame][-1]
        assert int(last["event_id"].rpartition("_")[2]) > automatic_after
    assert not scheduler.busy
    assert not scheduler._wishes
