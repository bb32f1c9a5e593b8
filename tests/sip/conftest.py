"""What stands at the other ends in unit tests: the service's socket, its HTTP side, and the sender of webhooks."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import time

import httpx2
import pytest
from attrs import define, field
from standardwebhooks.webhooks import Webhook

from offhook.settings import Settings
from offhook_sip import Calls, SIPOptions

CALL_ID = "rtc_u0_7/x=1"  # opaque: whatever is in it must arrive unchanged
SESSION = {"id": "sess_1", "type": "realtime", "object": "realtime.session"}


@define(eq=False)
class Socket:
    """A dialer and the channel it gives: the service's end of the sideband.

    It accepts every config at once, while ``accepts``. ``refuse`` is what dialling raises instead.
    """

    accepts: bool = True
    refuse: Exception | None = None
    dialled: list = field(factory=list)
    sent: list[dict] = field(factory=list)
    close_code: int | None = None
    close_reason: str = ""
    _frames: asyncio.Queue = field(factory=asyncio.Queue)
    _news: asyncio.Event = field(factory=asyncio.Event)

    async def __call__(self, request):
        self.dialled.append(request)
        if self.refuse:
            raise self.refuse
        return self

    async def __aiter__(self):
        while (frame := await self._frames.get()) is not None:
            yield frame

    async def send(self, text):
        if self.close_code is not None:
            raise ConnectionError("closed")
        event = json.loads(text)
        self.sent.append(event)
        self._news.set()
        if self.accepts and event["type"] == "session.update":
            self.says({"type": "session.updated", "session": {**SESSION, **event["session"]}})

    async def close(self, code=1000, reason=""):
        self.hangs_up(code, reason)

    def says(self, *events):
        for event in events:
            self._frames.put_nowait(json.dumps(event))

    def hangs_up(self, code=1000, reason=""):
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self._frames.put_nowait(None)

    async def hears(self, kind):
        """Wait for the next frame of that type."""
        seen = 0
        async with asyncio.timeout(5):
            while True:
                for event in self.sent[seen:]:
                    seen += 1
                    if event["type"] == kind:
                        return event
                self._news.clear()
                await self._news.wait()

    @property
    def types(self):
        return [event["type"] for event in self.sent]


@define(eq=False)
class Api:
    """The HTTP side. ``answers`` maps an action to a response, an exception, or a number of milliseconds too many."""

    answers: dict = field(factory=dict)
    asked: list[httpx2.Request] = field(factory=list)

    async def handle(self, request):
        self.asked.append(request)
        answer = self.answers.get(request.url.path.rsplit("/", 1)[-1], httpx2.Response(200))
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return await answer(request)
        return answer

    @property
    def actions(self):
        return [request.url.path.rsplit("/", 1)[-1] for request in self.asked]

    def body(self, action):
        return next(json.loads(request.content) for request in self.asked if request.url.path.endswith(action))

    @property
    def http(self):
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.handle))


@define(eq=False)
class Sender:
    """Who signs webhooks."""

    key: bytes = b"0123456789abcdef01234567"

    @property
    def secret(self):
        return "whsec_" + base64.b64encode(self.key).decode()

    def signed(self, event, *, webhook_id="wh_1", age_s=0):
        """Give body and headers of a webhook."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        sent_at = int(time.time()) - age_s
        moment = dt.datetime.fromtimestamp(sent_at, tz=dt.UTC)
        return body, {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": Webhook(self.key).sign(webhook_id, moment, body.decode()),
            "content-type": "application/json",
            "user-agent": "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)",
        }

    @staticmethod
    def call(call_id=CALL_ID, kind="realtime.call.incoming", **data):
        headers = [
            {"name": "From", "value": '"Ann" <sip:+14255550123@sip.example.com>;tag=1'},
            {"name": "To", "value": "sip:proj_1@sip.api.openai.com"},
            {"name": "Via", "value": "SIP/2.0/TLS a"},
            {"name": "Via", "value": "SIP/2.0/UDP b"},
        ]
        data = {"call_id": call_id, "sip_headers": headers, "sip_media_security": "srtp", **data}
        return {"object": "event", "id": "evt_1", "type": kind, "created_at": 1750287018, "data": data}


@pytest.fixture(autouse=True)
def _a_bare_environment(monkeypatch, tmp_path):
    """No key, no secret and no config file of whoever runs the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_WEBHOOK_SECRET", "OFFHOOK_SIP_WEBHOOK_SECRET", "OFFHOOK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()  # config is looked for up to here
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call_id():
    return CALL_ID


@pytest.fixture
def socket():
    return Socket()


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def calls(api):
    return Calls("sk-1", http=api.http)


@pytest.fixture
def sender():
    return Sender()


@pytest.fixture
def options(socket):
    return SIPOptions(api_key="sk-1", dialer=socket)


@pytest.fixture
def settings():
    return Settings()
