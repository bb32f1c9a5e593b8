"""offhook.wire.outbox: frames leave in the order they were decided, whoever waits and whoever gives up."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.wire.outbox import Outbox, SentFrames

PATIENCE_S = 5.0


class Channel:
    """A channel whose far end reads one frame for each ``read()``, or everything."""

    def __init__(self, *, reads=True):
        self.arrived = []
        self.first = asyncio.Event()
        self.error = None
        self.waiting = asyncio.Semaphore(1_000_000 if reads else 0)

    async def send(self, text):
        await self.waiting.acquire()
        if self.error is not None:
            raise self.error
        self.arrived.append(text)
        self.first.set()

    def read(self, count=1):
        for _ in range(count):
            self.waiting.release()


async def settled(*tasks):
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_b11_a_frame_with_nothing_before_it_is_handed_over_before_send_returns():
    """B11: without a task in between."""
    channel = Channel()
    outbox = Outbox(channel)
    await outbox.send(["a"])
    assert channel.arrived == ["a"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_order_is_that_of_the_decisions():
    channel = Channel(reads=False)
    outbox = Outbox(channel)
    first = asyncio.create_task(outbox.send(["a"]))
    await asyncio.sleep(0)
    outbox.post("b")
    second = asyncio.create_task(outbox.send(["c", "d"]))
    await asyncio.sleep(0)
    outbox.post("e")
    channel.read(5)
    await settled(first, second)
    channel.read()
    await outbox.send(["f"])
    assert channel.arrived == ["a", "b", "c", "d", "e", "f"]


async def test_p09_posting_never_waits():
    """P9: a peer that does not read cannot stop the receive loop."""
    channel = Channel(reads=False)
    outbox = Outbox(channel)
    for text in "abc":
        outbox.post(text)
    sending = asyncio.create_task(outbox.send(["d"]))
    await asyncio.sleep(0)
    assert not sending.done()
    assert channel.arrived == []
    channel.read(4)
    await settled(sending)
    assert channel.arrived == list("abcd")


async def test_send_waits_until_the_last_of_its_frames_was_handed_over():
    channel = Channel(reads=False)
    sending = asyncio.create_task(Outbox(channel).send(["a", "b"]))
    channel.read()
    await asyncio.wait_for(channel.first.wait(), PATIENCE_S)
    assert channel.arrived == ["a"]
    assert not sending.done()
    channel.read()
    await settled(sending)
    assert channel.arrived == ["a", "b"]


async def test_p08_a_command_that_is_given_up_has_still_decided_its_frames():
    """P8: the protocol counts on the create that goes with a message, so both go out."""
    channel = Channel(reads=False)
    outbox = Outbox(channel)
    sending = asyncio.create_task(outbox.send(["item", "create"]))
    await asyncio.sleep(0)
    sending.cancel()
    await settled(sending)
    after = asyncio.create_task(outbox.send(["after"]))
    channel.read(3)
    await settled(after)
    assert channel.arrived == ["item", "create", "after"]


async def test_sending_nothing_is_nothing():
    channel = Channel(reads=False)
    await Outbox(channel).send([])
    assert channel.arrived == []


@pytest.mark.parametrize("error", [ConnectionError("gone"), RuntimeError("odd")])
async def test_p02_a_channel_that_fails_wakes_every_waiter(error, caplog):
    """P2: nobody hangs, whatever a channel raises; what it must not raise is logged."""
    channel = Channel(reads=False)
    outbox = Outbox(channel)
    outbox.post("a")
    waiting = [asyncio.create_task(outbox.send([text, text])) for text in "bc"]
    await asyncio.sleep(0)
    channel.error = error
    channel.read()
    assert await settled(*waiting) == [error, error]
    assert ("send_failed" in caplog.text) is isinstance(error, RuntimeError)


async def test_p02_closing_wakes_every_waiter_and_leaves_no_task():
    """P2: what still waits fails with ``OSError``."""
    channel = Channel(reads=False)
    outbox = Outbox(channel)
    outbox.post("a")
    waiting = asyncio.create_task(outbox.send(["b", "c"]))
    await asyncio.sleep(0)
    await outbox.close()
    [error] = await settled(waiting)
    assert isinstance(error, ConnectionError)
    assert channel.arrived == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await outbox.close()


async def test_a_failed_frame_does_not_keep_the_next_one():
    channel = Channel()
    outbox = Outbox(channel)
    channel.error = ConnectionError("for a moment")
    with pytest.raises(ConnectionError):
        await outbox.send(["a"])
    outbox.post("b")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    channel.error = None
    await outbox.send(["c"])
    assert channel.arrived == ["c"]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["post", "send", "pair", "cancel", "read"]), st.integers(0, 3)), max_size=30
)


@given(ACTIONS)
def test_p08_every_frame_leaves_once_and_in_order_for_any_interleaving(actions):
    """P8: with senders that come, wait and give up at any moment.

    A lone frame that was given up before the channel took it may be missing: no channel waits before it writes.
    """

    async def run():
        channel, tasks, expected, lone = Channel(reads=False), [], [], set()
        outbox = Outbox(channel)
        for number, (action, steps) in enumerate(actions):
            texts = [f"{number}a", f"{number}b"] if action == "pair" else [str(number)]
            if action == "post":
                outbox.post(texts[0])
            elif action in {"send", "pair"}:
                tasks.append(asyncio.create_task(outbox.send(texts)))
                await asyncio.sleep(0)
                lone |= set(texts) if action == "send" else set()
            elif action == "cancel" and tasks:
                tasks[-1].cancel()
            elif action == "read":
                channel.read()
            if action in {"post", "send", "pair"}:
                expected += texts
            for _ in range(steps):
                await asyncio.sleep(0)
        channel.read(1000)
        await settled(*tasks)
        await outbox.send(["last"])
        missing = [text for text in expected if text not in channel.arrived]
        assert set(missing) <= lone
        assert channel.arrived == [text for text in expected if text not in missing] + ["last"]

    asyncio.run(run())


# Who is told of what goes out


async def test_a_frame_is_told_before_it_is_handed_over_so_that_no_answer_can_be_told_first():
    channel, sent, order = Channel(), SentFrames(), []
    sent.add(lambda text: order.append((text, list(channel.arrived))))
    outbox = Outbox(channel, sent)
    await outbox.send(["a"])
    await outbox.send(["b", "c"])
    assert order == [("a", []), ("b", ["a"]), ("c", ["a", "b"])]


async def test_p09_a_listener_that_raises_harms_neither_the_others_nor_the_frame(caplog):
    channel, sent, heard = Channel(), SentFrames(), []
    sent.add(lambda _: 1 / 0)
    sent.add(heard.append)
    await Outbox(channel, sent).send(["a"])
    assert heard == channel.arrived == ["a"]
    assert "listener_failed" in caplog.text


async def test_a_listener_that_was_taken_off_hears_nothing_and_can_be_taken_off_twice():
    channel, sent, heard = Channel(), SentFrames(), []
    stop, _ = sent.add(heard.append), sent.add(lambda _: stop())
    outbox = Outbox(channel, sent)
    await outbox.send(["a"])
    stop()
    await outbox.send(["b"])
    assert heard == ["a"]
