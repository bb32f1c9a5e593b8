"""Webhooks: whether they are believed, and how often they are sent."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from offhook.errors import OffhookError
from offhook_emulator import webhooks
from offhook_emulator.webhooks import WebhookSender, WebhookTarget, new_event

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
URL = "http://user:password@receiver.invalid/hook"


class Receiver:
    """Answers with the statuses of ``answers``, one after the other; None does not answer at all."""

    def __init__(self, *answers: int | None) -> None:
        self._answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if answer is None:
            raise httpx2.ConnectError("nobody there")
        return httpx2.Response(answer)

    async def take(self, *, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Be sent one webhook."""
        sender = WebhookSender()
        sender._client = httpx2.AsyncClient(transport=httpx2.MockTransport(self))
        try:
            return await sender.send(WebhookTarget(URL, SECRET), new_event("test.event", {"a": 1}), wanted=wanted)
        finally:
            await sender.close()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_PAUSES_S", (0.0,) * 5)


def _headers(request: httpx2.Request) -> Mapping[str, str]:
    return dict(request.headers)


async def test_the_signature_is_that_of_standard_webhooks():
    receiver = Receiver(200)
    assert await receiver.take()
    (request,) = receiver.requests
    event = Webhook(SECRET).verify(request.content, _headers(request))
    assert (event["object"], event["type"], event["data"]) == ("event", "test.event", {"a": 1})
    assert event["id"].startswith("evt_")


async def test_the_vendors_sdk_believes_it():
    openai = pytest.importorskip("openai", reason="the group 'peers' is not installed")
    receiver = Receiver(200)
    await receiver.take()
    (request,) = receiver.requests
    client = openai.OpenAI(api_key="key", webhook_secret=SECRET)
    client.webhooks.verify_signature(request.content, _headers(request))


async def test_headers_are_those_of_the_service():
    receiver = Receiver(200)
    await receiver.take()
    headers = _headers(receiver.requests[0])
    assert headers["user-agent"] == "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("first", [500, 404, 302, None])
async def test_whatever_is_not_taken_is_sent_again_as_the_same_webhook(first):
    receiver = Receiver(first, 204)
    assert await receiver.take()
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.content for request in receiver.requests}) == 1
    assert len(receiver.requests) == 2


async def test_it_is_given_up_after_six_attempts():
    receiver = Receiver(*[500] * 10)
    assert not await receiver.take()
    assert len(receiver.requests) == 6


async def test_it_is_not_sent_again_once_it_is_not_wanted():
    receiver = Receiver(*[500] * 10)
    assert not await receiver.take(wanted=lambda: False)
    assert len(receiver.requests) == 1


async def test_neither_secret_nor_password_is_logged(caplog):
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # theirs is theirs
    with caplog.at_level(logging.DEBUG):
        await Receiver(*[None] * 10).take()
    assert "webhook_given_up" in caplog.text
    assert "receiver.invalid" in caplog.text
    for hidden in (SECRET, SECRET.removeprefix("whsec_"), "password", "k" * 24):
        assert hidden not in caplog.text


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!"])
def test_a_secret_that_cannot_be_right_is_refused_without_being_shown(secret):
    with pytest.raises(OffhookError, match="whsec_ followed by base64") as caught:
        WebhookTarget("http://receiver.invalid", secret)
    assert "not base64!" not in str(caught.value)


def test_a_secret_without_the_prefix_is_the_key_itself():
    headers = WebhookTarget("http://receiver.invalid", "plain").headers("wh_1", "{}")
    assert Webhook(b"plain").verify("{}", headers) == {}


@pytest.mark.parametrize("url", ["", "receiver", "ftp://receiver.invalid", "http://", "http://[::"])
def test_a_url_that_cannot_be_right_is_refused(url):
    with pytest.raises(OffhookError, match="webhook URL"):
        WebhookTarget(url, SECRET)


async def test_the_body_is_compact_json():
    receiver = Receiver(200)
    await receiver.take()
    body = receiver.requests[0].content
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode()
