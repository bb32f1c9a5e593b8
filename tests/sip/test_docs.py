"""The pages about phone calls tell the truth: their programs run, with both far ends scripted."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx2
import pytest

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```py\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(api, socket, sender, monkeypatch):
    """Run a page's programs as one module, the way a reader puts them together."""
    monkeypatch.setattr("offhook_sip.calls._make_client", lambda _options: api.http)
    monkeypatch.setattr("offhook_sip.transport.WebSocketDialer", lambda _options: socket)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", sender.secret)

    def page(name):
        source = "\n".join(_FENCE.findall((ROOT / name).read_text()))
        module = {"__name__": "a_page"}
        exec(compile(source, name, "exec"), module)  # noqa: S102  # our own documentation
        return module

    return page


async def ring(app, sender, **webhook):
    body, headers = sender.signed(sender.call(), **webhook)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://me.example") as client:
        assert (await client.post("/", content=body, headers=headers)).status_code == 200


async def test_page_of_the_transport_answers_a_call(page, api, socket, sender, capsys):
    here = page("docs/transports/sip.md")
    await ring(here["app"], sender)
    assert (await socket.hears("response.create"))["response"]["instructions"] == "Say exactly: Good morning!"
    assert api.actions == ["accept"]
    assert api.body("accept")["tools"][0]["name"] == "opening_hours"
    assert socket.dialled[0].call_id == sender.call()["data"]["call_id"]
    socket.says({"type": "input_audio_buffer.dtmf_event_received", "event": "5", "received_at": 1})
    socket.hangs_up()
    await asyncio.wait_for(asyncio.gather(*here["app"]._running), 5)
    said = capsys.readouterr().out
    assert "call from" in said
    assert "the caller pressed 5" in said


async def test_page_of_the_transport_controls_calls(page, api):
    here = page("docs/transports/sip.md")
    for name in ("transfer", "end", "be_busy"):
        await here[name]("rtc_1")
    assert api.actions == ["refer", "hangup", "reject"]
    assert api.body("reject") == {"status_code": 486}


def test_page_of_the_transport_verifies_webhooks(page, sender):
    here = page("docs/transports/sip.md")
    body, headers = sender.signed(sender.call())
    assert here["status_for"](body + b" ", headers) == 400
    assert here["status_for"](body, headers) == 200
    assert here["status_for"](body, headers) == 200


@pytest.mark.parametrize("app", ["app", "choosy_app"])
async def test_recipe_answers_a_call_and_transfers_it(page, api, socket, sender, app):
    here = page("docs/recipes/answer-a-phone-call.md")
    await ring(here[app], sender)
    assert (await socket.hears("response.create"))["response"]["instructions"].endswith("this is the shop.")
    call = {"id": "item_1", "type": "function_call", "call_id": "c", "name": "transfer_to_a_person", "arguments": "{}"}
    socket.says({"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": call})
    assert (await socket.hears("conversation.item.create"))["item"]["output"] == "The caller is being transferred."
    assert api.body("refer") == {"target_uri": "tel:+14155550123"}
    socket.hangs_up()
    await asyncio.wait_for(asyncio.gather(*here[app]._running), 5)
    assert api.actions == ["accept", "refer"]


async def test_recipe_turns_away_whom_it_blocks(page, api, sender):
    here = page("docs/recipes/answer-a-phone-call.md")
    here["BLOCKED"] = ("sip:+14255550123@",)
    await ring(here["choosy_app"], sender)
    await asyncio.wait_for(asyncio.gather(*here["choosy_app"]._running), 5)
    assert api.actions == ["reject"]
