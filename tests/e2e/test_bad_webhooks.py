"""Webhooks that are not to be believed, and calls that are over before they are answered, at ``offhook calls serve``.

The service is told by a status and a line of text; people are told by a line of the log, which says what to do next.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from attrs import frozen
from refusals import KEY
from standardwebhooks.webhooks import Webhook
from telephones import SECRET, placed_call, program, said

#: What somebody else signs with.
OTHER: Final = "whsec_" + base64.b64encode(b"another secret").decode()
NOWHERE: Final = "http://127.0.0.1:1/v1"


@frozen
class Desk:
    """``offhook calls serve``, and where its webhooks go."""

    url: str
    log: asyncio.Queue[str]

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Send what may be a webhook."""
        async with httpx2.AsyncClient() as client:
            response = await client.post(self.url, content=body, headers=dict(headers))
        return response.status_code, response.text.strip()

    async def logs(self, event: str) -> str:
        """Wait for a line of its log."""
        line = await said(self.log, event)
        assert SECRET not in line
        assert KEY not in line
        return line


@asynccontextmanager
async def desk(api: str, *, key: str = "right") -> AsyncGenerator[Desk]:
    """Answer calls of the service at ``api`` with the agent of the tests."""
    serve = ("calls", "serve", "--port", "0", "--agent", "reception:agent", "--url", api)
    environ = {"OPENAI_API_KEY": key, "OPENAI_WEBHOOK_SECRET": SECRET}
    async with program(sys.executable, "-m", "offhook", *serve, cwd=Path(__file__).parent, env=environ) as log:
        yield Desk((await said(log, "webhooks go to")).split()[-1], log)
    while not log.empty():
        assert "Traceback" not in log.get_nowait()


def signed(
    event: Mapping[str, Any] | str, secret: str = SECRET, *, name: str = "wh_1", age_s: int = 0
) -> tuple[bytes, dict[str, str]]:
    """Give body and headers of a webhook."""
    body = event if isinstance(event, str) else json.dumps(event)
    then = datetime.now(UTC) - timedelta(seconds=age_s)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(then.timestamp())),
        "webhook-signature": Webhook(base64.b64decode(secret.removeprefix("whsec_"))).sign(name, then, body),
    }
    return body.encode(), headers


def incoming(call_id: str) -> dict[str, Any]:
    head = {"object": "event", "id": "evt_1", "type": "realtime.call.incoming", "created_at": 1}
    return {**head, "data": {"call_id": call_id, "sip_headers": []}}


# Made when they are sent: they are believed for five minutes.
@pytest.mark.parametrize(
    ("make", "answer", "why"),
    [
        (lambda: signed(incoming("rtc_1"), OTHER), "bad signature", "does not match.* check the webhook secret"),
        (
            lambda: (signed(incoming("rtc_1"))[0], {}),
            "bad signature",
            "without webhook-id.* check that nothing between",
        ),
        (lambda: (b"{}", signed(incoming("rtc_1"))[1]), "bad signature", "does not match.* byte for byte"),
        (lambda: signed("no event"), "not an event", "holds no event.* Check what is between"),
        (lambda: signed({**incoming(""), "data": {}}), "not an event", "names no call_id.* Check what is between"),
    ],
    ids=["forged", "unsigned", "changed", "nonsense", "without a call"],
)
async def test_a_webhook_that_is_not_to_be_believed_is_400_and_the_log_says_why(make, answer, why):
    async with desk(NOWHERE) as at:
        assert await at.post(*make()) == (400, answer)
        assert re.search(why, await at.logs("webhook_refused"))


@pytest.mark.parametrize("age_s", [310, -310])
async def test_a_stale_webhook_is_400_and_the_log_says_to_check_the_clock(age_s):
    async with desk(NOWHERE) as at:
        assert await at.post(*signed(incoming("rtc_1"), age_s=age_s)) == (400, "timestamp outside the tolerance")
        assert "check this machine's clock" in await at.logs("webhook_refused")


async def test_a_replayed_webhook_is_200_and_nothing_is_done_again(emulator_url: str) -> None:
    async with desk(emulator_url) as at:
        webhook = signed(incoming("rtc_1"))
        assert await at.post(*webhook) == (200, "ok")
        await at.logs("caller_gone")
        assert await at.post(*webhook) == (200, "taken before")
        assert "nothing is done again" in await at.logs("webhook_repeated")
        assert await at.post(*signed(incoming("rtc_1"), name="wh_2")) == (200, "ok")
        await at.logs("caller_gone")


async def test_a_caller_who_is_gone_before_they_are_accepted_is_told_and_the_next_one_is_answered(
    emulator_url: str,
) -> None:
    async with desk(emulator_url) as at, placed_call(emulator_url, key="right") as (call_id, http):
        assert (await http.delete(f"/emulator/calls/{call_id}")).status_code == 204
        assert await at.post(*signed(incoming(call_id))) == (200, "ok")
        line = await at.logs("caller_gone")
        assert f"there is no call '{call_id}'" in line
        assert "needs no answer" in line
        async with placed_call(emulator_url, key="right") as (next_id, _):
            await at.post(*signed(incoming(next_id), name="wh_2"))
            assert next_id in await at.logs("call_accepted")
            await http.delete(f"/emulator/calls/{next_id}")
            assert next_id in await at.logs("call_ended")


async def test_a_wrong_key_that_only_the_service_knows_of_is_logged_in_one_line(emulator_url: str) -> None:
    async with desk(emulator_url, key=KEY) as at, placed_call(emulator_url, key="right") as (call_id, _):
        assert await at.post(*signed(incoming(call_id))) == (200, "ok")
        line = await at.logs("call_failed")
        assert "HTTP 401: Incorrect API key" in line
        assert "Check the API key" in line
