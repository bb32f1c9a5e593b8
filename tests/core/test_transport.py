"""offhook.transport: the life cycle, the subscriptions and the honest refusals that every transport inherits."""

from __future__ import annotations

import itertools

import pytest

from offhook.capabilities import Capabilities
from offhook.errors import ContractError, NotConnected, Unsupported
from offhook.events import ConnectionChange, TurnStarted
from offhook.hookspecs import hookimpl
from offhook.items import InputImage, McpApprovalRequestItem
from offhook.transport import LIFE_CYCLE, TransportBase

STATUSES = ("disconnected", "connecting", "connected", "disconnecting")


@pytest.fixture
def transport():
    return TransportBase("bare", Capabilities())


def test_a_transport_begins_disconnected_and_says_what_it_cannot_do(transport):
    assert (transport.name, transport.status, transport.muted) == ("bare", "disconnected", None)
    assert transport.capabilities == Capabilities()


@pytest.mark.parametrize(("old", "new"), [*itertools.product(STATUSES, STATUSES)])
def test_p02_connection_change_follows_the_life_cycle_table_and_nothing_else(transport, old, new):
    """P2: every pair of statuses is either in the table, or a defect that is found at once."""
    allowed = {
        ("disconnected", "connecting"),
        ("connecting", "connected"),
        ("connecting", "disconnected"),
        ("connected", "disconnecting"),
        ("connected", "disconnected"),
        ("disconnecting", "disconnected"),
    }
    changes = []
    transport.on("connection_change", changes.append)
    transport._status = old
    change = ConnectionChange(status=new)
    if (old, new) in allowed:
        transport._change(change)
        assert (transport.status, changes) == (new, [change])
    else:
        with pytest.raises(AssertionError, match=f"bare: {old} cannot become {new}"):
            transport._change(change)
        assert (transport.status, changes) == (old, [])


def test_every_status_can_be_left():
    assert set(LIFE_CYCLE) == set(STATUSES)


async def test_p02_the_end_of_the_connection_ends_its_iterators_after_saying_so(transport):
    """P2: whoever iterates hears the last change, and then the end."""
    iterator = transport.events()
    transport._change(ConnectionChange(status="connecting"))
    transport._change(ConnectionChange(status="disconnected"))
    assert [event.status async for event in iterator] == ["connecting", "disconnected"]


def test_what_is_subscribed_survives_a_connection(transport):
    events = []
    stop = transport.on("turn_started", events.append)
    for status in ("connecting", "disconnected", "connecting"):
        transport._change(ConnectionChange(status=status))
    transport._emit(TurnStarted(turn_id="t"))
    stop()
    transport._emit(TurnStarted(turn_id="t"))
    assert events == [TurnStarted(turn_id="t")]


def test_objects_listen_through_hooks(transport):
    class Listener:
        events: list = []  # noqa: RUF012  # one listener, one test

        @hookimpl
        def turn_started(self, event):
            self.events.append(event)

    transport.register(listener := Listener())
    transport._emit(TurnStarted(turn_id="t"))
    transport.unregister(listener)
    transport._emit(TurnStarted(turn_id="t"))
    assert len(listener.events) == 1
    with pytest.raises(ContractError):
        transport.on("turn_begun", print)


APPROVAL = McpApprovalRequestItem(item_id="i", server_label="s", name="n", arguments="{}")


@pytest.mark.parametrize(
    ("command", "arguments", "flag"),
    [
        ("mute", (True,), "mute=none"),
        ("add_image", (InputImage(image_url="data:"),), "images=False"),
        ("reset_history", ((), ()), "history=none"),
        ("request_response", (), "request_response=False"),
        ("send_mcp_response", (APPROVAL, True), "mcp=False"),
    ],
)
async def test_p08_what_a_transport_cannot_do_is_refused_with_the_flag_and_a_remedy(
    transport, command, arguments, flag
):
    """P8 for replies, and the contract's rule (e) for all: ``Unsupported`` is raised before anything is sent."""
    with pytest.raises(Unsupported) as caught:
        await getattr(transport, command)(*arguments)
    assert caught.value.flag == flag
    assert caught.value.remedy
    assert f"{command}() is not supported by this transport ({flag})" in str(caught.value)


def test_b16_a_command_without_a_connection_says_what_to_do(transport):
    """B16, as offhook has it: every command raises ``NotConnected``."""
    with pytest.raises(NotConnected, match=r"send_audio\(\) needs a connection.*disconnected\. Call connect\(\) first"):
        transport._require_connected("send_audio()")
