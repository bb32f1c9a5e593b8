"""Call control: what goes over the wire, and what comes back as an error."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from offhook.errors import AuthenticationError, ConnectError
from offhook_sip import Calls, SIPOptions
from offhook_sip.errors import CallArgumentError, CallError, CallNotFound, CallUnauthorized


def problem(status, message="no", code=None):
    return httpx2.Response(status, json={"error": {"message": message, "code": code, "type": "invalid_request_error"}})


async def test_accept_posts_the_config_with_the_key_and_the_id_as_it_is(api, calls, call_id):
    await calls.accept(call_id, {"model": "m", "instructions": "Be brief."})
    (request,) = api.asked
    assert request.method == "POST"
    assert str(request.url) == "https://api.openai.com/v1/realtime/calls/rtc_u0_7%2Fx%3D1/accept"
    assert request.headers["authorization"] == "Bearer sk-1"
    # Without its type the API takes the config, and drops the call.
    assert api.body("accept") == {"type": "realtime", "model": "m", "instructions": "Be brief."}


async def test_reject_declines_unless_told_otherwise(api, calls):
    await calls.reject("rtc_1")
    assert api.body("reject") == {"status_code": 603}
    api.asked.clear()
    await calls.reject("rtc_1", 486)
    assert api.body("reject") == {"status_code": 486}


@pytest.mark.parametrize("status", [200, 302, 399, 700])
async def test_reject_with_what_is_no_refusal_sends_nothing(api, calls, status):
    with pytest.raises(CallArgumentError, match="400 to 699"):
        await calls.reject("rtc_1", status)
    assert api.asked == []


@pytest.mark.parametrize(
    "target",
    [
        "tel:+14155550123",
        "tel:911;phone-context=+1",
        "sip:agent@example.com",
        "sips:a@b;transport=tls",
        "SIP:a@[::1]:5060",
    ],
)
async def test_refer_sends_the_target(api, calls, target):
    await calls.refer("rtc_1", target)
    assert api.body("refer") == {"target_uri": target}


@pytest.mark.parametrize(
    "target",
    [
        "",
        "+14155550123",
        "tel:",
        "tel:home",
        "https://example.com",
        "sip:",
        "sip:a b",
        "sip:a\r\nX: y",
        "sip:a@b>",
        "tel:+1\n",
    ],
)
async def test_refer_to_nowhere_sends_nothing(api, calls, target):
    with pytest.raises(CallArgumentError, match=r"tel:\+14155550123"):
        await calls.refer("rtc_1", target)
    assert api.asked == []


async def test_hangup_has_no_body(api, calls):
    await calls.hangup("rtc_1")
    assert (api.actions, api.asked[0].content) == (["hangup"], b"")


async def test_empty_id_is_no_call(api, calls):
    with pytest.raises(CallArgumentError, match="call_id"):
        await calls.hangup("")
    assert api.asked == []


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8765/v1",
        "http://127.0.0.1:8765/v1/",
        "http://127.0.0.1:8765/v1/realtime",
        "ws://127.0.0.1:8765/v1/realtime?model=m",
    ],
)
async def test_base_of_the_api_and_its_socket_lead_to_the_same_place(api, base_url):
    await Calls("k", base_url=base_url, http=api.http).hangup("rtc_1")
    assert str(api.asked[0].url) == "http://127.0.0.1:8765/v1/realtime/calls/rtc_1/hangup"


def test_what_is_no_address_is_refused_at_once():
    with pytest.raises(ConnectError, match="not an address"):
        Calls("k", base_url="127.0.0.1")


async def test_options_say_what_the_arguments_do_not(api):
    options = SIPOptions(url="ws://a/v1/realtime", api_key="sk-o", headers={"OpenAI-Project": "p"})
    await Calls(options=options, http=api.http).hangup("rtc_1")
    await Calls("sk-a", base_url="http://b/v1", options=options, http=api.http).hangup("rtc_1")
    assert [request.url.host for request in api.asked] == ["a", "b"]
    assert [request.headers["authorization"] for request in api.asked] == ["Bearer sk-o", "Bearer sk-a"]
    assert {request.headers["openai-project"] for request in api.asked} == {"p"}


async def test_key_is_asked_for_at_every_request(api):
    keys = iter(["one", "two"])

    async def fetch():
        return next(keys)

    calls = Calls(fetch, http=api.http)
    await calls.hangup("rtc_1")
    await calls.hangup("rtc_1")
    assert [request.headers["authorization"] for request in api.asked] == ["Bearer one", "Bearer two"]


async def test_headers_with_an_authorization_take_the_place_of_the_key(api):
    await Calls(options=SIPOptions(headers={"api-key": "azure"}), http=api.http).hangup("rtc_1")
    assert "authorization" not in api.asked[0].headers
    assert api.asked[0].headers["api-key"] == "azure"


async def test_no_key_is_told_and_nothing_is_sent(api):
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        await Calls(http=api.http).hangup("rtc_1")
    assert api.asked == []


async def test_unknown_call_is_a_caller_who_is_gone(api, calls):
    api.answers["accept"] = problem(404, "No session found for call.", "call_id_not_found")
    with pytest.raises(CallNotFound) as caught:
        await calls.accept("rtc_1", {})
    error = caught.value
    assert (error.call_id, error.status, error.code) == ("rtc_1", 404, "call_id_not_found")
    assert "No session found for call" in str(error)
    assert "hung up" in str(error)


@pytest.mark.parametrize("status", [401, 403])
async def test_wrong_key_is_an_authentication_error_and_never_shown(api, calls, status):
    api.answers["accept"] = problem(status, "Incorrect API key.", "invalid_api_key")
    with pytest.raises(CallUnauthorized, match="Check the API key") as caught:
        await calls.accept("rtc_1", {})
    assert isinstance(caught.value, AuthenticationError)
    assert (caught.value.status, caught.value.code) == (status, "invalid_api_key")
    assert "sk-1" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(400, "Unknown parameter: 'x'.", "unknown_parameter"), "Unknown parameter: 'x'"),
        (httpx2.Response(500, text="<html>" + "x" * 900), "<html>"),
        (httpx2.Response(502), "HTTP 502"),
        (httpx2.Response(307, headers={"location": "https://elsewhere"}), "HTTP 307"),
        (httpx2.Response(400, json=["?"]), "HTTP 400"),
    ],
)
async def test_other_refusals_carry_what_the_service_said_cut_short(api, calls, answer, said):
    api.answers["refer"] = answer
    with pytest.raises(CallError) as caught:
        await calls.refer("rtc_1", "tel:1")
    assert caught.value.status == answer.status_code
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (httpx2.ConnectError("All connection attempts failed"), "cannot be reached"),
        (httpx2.ReadTimeout(""), "did not answer in time"),
    ],
)
async def test_network_that_fails_is_told_with_the_next_step(api, calls, failure, said):
    api.answers["hangup"] = failure
    with pytest.raises(CallError, match=said) as caught:
        await calls.hangup("rtc_1")
    assert caught.value.__cause__ is failure
    assert "Check the url" in str(caught.value)


def test_errors_can_be_caught_by_who_was_asked():
    assert issubclass(CallNotFound, CallError)
    assert issubclass(CallNotFound, ConnectError)
    assert issubclass(CallUnauthorized, CallError)


async def test_client_given_from_outside_stays_open(api):
    http = api.http
    async with Calls("k", http=http) as calls:
        await calls.hangup("rtc_1")
    assert not http.is_closed
    await http.aclose()


async def test_own_client_is_made_before_anybody_waits_for_it_and_closed(api, monkeypatch):
    made = []

    class Client(httpx2.AsyncClient):
        def __init__(self, **options):
            made.append(options)
            super().__init__(transport=httpx2.MockTransport(api.handle))

    monkeypatch.setattr("offhook_sip.calls.httpx2.AsyncClient", Client)
    async with Calls("k", options=SIPOptions(control_timeout_s=3, proxy="none")) as calls:
        assert len(made) == 1
        await asyncio.gather(calls.hangup("rtc_1"), calls.hangup("rtc_2"))
    (options,) = made
    assert (options["timeout"], options["proxy"], options["trust_env"]) == (3, None, False)
    await calls.aclose()


async def test_certificates_that_cannot_be_read_are_told(tmp_path):
    calls = Calls("k", options=SIPOptions(ca_file=str(tmp_path / "none.pem")))
    with pytest.raises(CallError, match="PEM"):
        await calls.hangup("rtc_1")
    with pytest.raises(CallError, match="PEM"):
        await calls.__aenter__()
