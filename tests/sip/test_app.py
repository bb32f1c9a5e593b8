"""The web server's side: what is answered, what is started, and how it ends."""

from __future__ import annotations

import asyncio
import logging

import httpx2
import pytest

from offhook.errors import ConfigError, OffhookError
from offhook_sip import IncomingCall, WebhookApp, Webhooks, webhook_app


class Calls:
    """An ``on_call`` that holds every call until it is let go."""

    def __init__(self):
        self.taken: list[IncomingCall] = []
        self.tidied = 0
        self.ringing = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, call):
        self.taken.append(call)
        self.ringing.set()
        try:
            await self.let_go.wait()
        finally:
            await asyncio.sleep(0)  # tidying up takes turns of the loop
            self.tidied += 1


@pytest.fixture
def on_call():
    return Calls()


@pytest.fixture
def app(on_call, sender):
    return webhook_app(on_call, secret=sender.secret)


async def ask(app, method="POST", path="/", **request):
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://me.example") as client:
        return await client.request(method, path, **request)


async def ring(app, sender, path="/", **webhook):
    body, headers = sender.signed(sender.call(), **webhook)
    return await ask(app, path=path, content=body, headers=headers)


async def test_incoming_call_is_answered_200_while_its_handler_still_runs(app, on_call, sender, call_id):
    answer = await ring(app, sender)
    assert (answer.status_code, answer.text) == (200, "ok\n")
    await asyncio.wait_for(on_call.ringing.wait(), 5)
    (call,) = on_call.taken
    assert (call.call_id, on_call.tidied) == (call_id, 0)
    await app.aclose()


@pytest.mark.parametrize("path", ["/", "/openai/webhook"])
async def test_any_path_will_do(app, on_call, sender, path):
    assert (await ring(app, sender, path)).status_code == 200
    await app.aclose()


async def test_repetition_is_acknowledged_and_started_once(app, on_call, sender):
    for _ in range(2):
        answer = await ring(app, sender)
    assert (answer.status_code, answer.text) == (200, "taken before\n")
    await asyncio.wait_for(on_call.ringing.wait(), 5)
    assert len(on_call.taken) == 1
    await app.aclose()


@pytest.mark.parametrize(
    ("age_s", "changed", "reason"),
    [
        (0, {"webhook-signature": "v1,AAAA"}, "bad signature"),
        (0, {"webhook-signature": ""}, "bad signature"),
        (400, {}, "timestamp outside the tolerance"),
        (-400, {}, "timestamp outside the tolerance"),
    ],
)
async def test_what_is_not_believed_is_400_with_one_line(app, sender, age_s, changed, reason):
    body, headers = sender.signed(sender.call(), age_s=age_s)
    answer = await ask(app, content=body, headers={**headers, **changed})
    assert (answer.status_code, answer.text) == (400, f"{reason}\n")


async def test_what_is_not_believed_starts_nothing_and_is_logged_without_the_secret(app, on_call, sender, caplog):
    body, headers = sender.signed(sender.call())
    await ask(app, content=body + b" ", headers=headers)
    assert (on_call.taken, app._running) == ([], set())
    assert "was not acted on" in caplog.text
    assert sender.secret not in caplog.text


async def test_signed_nonsense_is_400(app, sender):
    body, headers = sender.signed(b"nonsense")
    assert (await ask(app, content=body, headers=headers)).status_code == 400
    body, headers = sender.signed(sender.call(call_id=""))
    answer = await ask(app, content=body, headers=headers)
    assert (answer.status_code, answer.text) == (400, "not an event\n")


async def test_an_application_for_webhooks_without_calls_is_made_by_hand(sender):
    app = WebhookApp(Webhooks(sender.secret), {}, max_body=10_000)
    assert (await ring(app, sender)).text == "ignored\n"


async def test_body_is_bounded(on_call, sender):
    app = webhook_app(on_call, secret=sender.secret, max_body=100)
    assert (await ask(app, content=b"x" * 101)).status_code == 413
    assert (await ask(app, content=b"x" * 100)).status_code == 400


async def test_endless_body_is_not_read_to_its_end(on_call, sender):
    app = webhook_app(on_call, secret=sender.secret, max_body=1000)
    read = []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": b"x" * 300, "more_body": True}

    sent = await exchange(app, {"type": "http", "method": "POST", "headers": []}, receive)
    assert sent[0]["status"] == 413
    assert len(read) == 4


async def test_event_of_unknown_type_is_acknowledged_and_ignored(app, on_call, sender):
    body, headers = sender.signed(sender.call(kind="response.completed"))
    answer = await ask(app, content=body, headers=headers)
    assert (answer.status_code, answer.text) == (200, "ignored\n")
    assert on_call.taken == []


async def test_other_events_go_to_their_handlers_by_type(on_call, sender):
    seen = asyncio.Queue()
    app = webhook_app(on_call, secret=sender.secret, on_event={"live.transport.incoming": seen.put})
    event = {"id": "evt_9", "type": "live.transport.incoming", "created_at": 1, "data": {"session_id": "live_1"}}
    body, headers = sender.signed(event)
    assert (await ask(app, content=body, headers=headers)).status_code == 200
    assert (await asyncio.wait_for(seen.get(), 5)).data == {"session_id": "live_1"}
    assert on_call.taken == []


async def test_get_is_for_health_checks(app):
    answer = await ask(app, "GET", "/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    answer = await ask(app, "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_other_methods_are_told_which_there_are(app):
    answer = await ask(app, "PUT")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_app_can_be_mounted_in_a_framework(app, on_call, sender):
    starlette = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")
    site = starlette.Starlette(routes=[routing.Mount("/openai", app=app)])
    assert (await ring(site, sender, "/openai/webhook")).status_code == 200
    await app.aclose()


@pytest.mark.parametrize(
    ("error", "shown", "traceback"),
    [(OffhookError("the paragraph"), "the paragraph", False), (KeyError("defect"), "KeyError: 'defect'", True)],
)
async def test_handler_that_fails_is_logged_and_the_app_goes_on(sender, caplog, error, shown, traceback):
    async def fail(_call):
        raise error

    app = webhook_app(fail, secret=sender.secret)
    assert (await ring(app, sender)).status_code == 200
    await asyncio.gather(*app._running, return_exceptions=True)
    await asyncio.sleep(0)  # callbacks of a task come a turn of the loop after its end
    (record,) = [record for record in caplog.records if "call_failed" in record.message]
    assert record.levelno == logging.ERROR
    assert shown in record.message
    assert ("Traceback" in record.message) is traceback
    assert app._running == set()
    assert (await ring(app, sender, webhook_id="wh_2")).status_code == 200


async def exchange(app, scope, receive):
    sent = []

    async def send(message):
        sent.append(message)

    async with asyncio.timeout(5):
        await app(scope, receive, send)
    return sent


async def test_shutdown_ends_running_calls_and_waits_until_they_have_tidied_up(app, on_call, sender):
    await ring(app, sender)
    await ring(app, sender, webhook_id="wh_2")
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive():
        message = next(messages)
        if message["type"] == "lifespan.shutdown":
            await on_call.ringing.wait()
        return message

    sent = await exchange(app, {"type": "lifespan"}, receive)
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (on_call.tidied, app._running) == (2, set())
    await app.aclose()


async def test_sender_that_leaves_half_way_starts_nothing(app, on_call, sender):
    body, headers = sender.signed(sender.call())
    messages = iter([{"type": "http.request", "body": body[:9], "more_body": True}, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await exchange(app, {"type": "http", "method": "POST", "headers": raw}, receive)
    assert (on_call.taken, app._running) == ([], set())


async def test_websockets_are_not_for_here(app):
    async def receive():
        return {"type": "websocket.connect"}

    assert (await exchange(app, {"type": "websocket"}, receive))[0]["type"] == "websocket.close"


def test_secret_is_checked_when_the_app_is_made(on_call):
    with pytest.raises(ConfigError, match="webhook secret"):
        webhook_app(on_call)
    with pytest.raises(ConfigError, match="whsec_"):
        webhook_app(on_call, secret="sk-1")
