"""Which webhooks are believed. Where the vendor's own SDK has an opinion, both must agree."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.errors import ConfigError
from offhook_sip import IncomingCall, WebhookEvent, Webhooks, incoming_call
from offhook_sip.errors import WebhookError, WebhookForged, WebhookMalformed, WebhookReplayed, WebhookStale


def unwraps(sender, body, headers):
    """What the unmodified SDK says."""
    openai = pytest.importorskip("openai", reason="needs the peers group")
    client = openai.OpenAI(api_key="k", webhook_secret=sender.secret)
    try:
        return client.webhooks.unwrap(body, headers)
    except (openai.InvalidWebhookSignatureError, ValueError):
        return None


def change(**headers):
    return lambda body, signed: (body, {**signed, **{name.replace("_", "-"): value for name, value in headers.items()}})


def signatures(template):
    def changed(body, signed):
        return body, {**signed, "webhook-signature": template.format(right=signed["webhook-signature"])}

    return changed


WRONG = "v1," + base64.b64encode(b"0" * 32).decode()


@pytest.mark.parametrize(
    ("age_s", "changed", "refused"),
    [
        pytest.param(0, change(), None, id="valid"),
        pytest.param(290, change(), None, id="late within the tolerance"),
        pytest.param(-290, change(), None, id="clock ahead within the tolerance"),
        pytest.param(310, change(), WebhookStale, id="stale"),
        pytest.param(600, change(), WebhookStale, id="ten minutes old"),
        pytest.param(-310, change(), WebhookStale, id="future"),
        pytest.param(0, signatures(WRONG + " {right}"), None, id="one of several signatures"),
        pytest.param(0, signatures("{right} " + WRONG), None, id="first of several signatures"),
        pytest.param(0, signatures(WRONG + " " + WRONG), WebhookForged, id="none of several signatures"),
        pytest.param(0, signatures(WRONG), WebhookForged, id="forged"),
        pytest.param(0, signatures("v1,%%%"), WebhookForged, id="signature that is no base64"),
        pytest.param(0, signatures("gibberish"), WebhookForged, id="signature without a version"),
        pytest.param(0, change(webhook_id="wh_2"), WebhookForged, id="another id"),
        pytest.param(0, lambda body, signed: (body + b" ", signed), WebhookForged, id="another body"),
        pytest.param(0, lambda _, signed: (b"\xff\xfe", signed), WebhookForged, id="body that is no text"),
        pytest.param(0, change(webhook_timestamp="soon"), WebhookStale, id="no timestamp"),
        pytest.param(0, change(webhook_timestamp="nan"), WebhookForged, id="a timestamp that is no time"),
    ],
)
def test_webhook_is_believed_exactly_when_the_vendors_sdk_believes_it(sender, age_s, changed, refused):
    body, headers = changed(*sender.signed(sender.call(), age_s=age_s))
    theirs = unwraps(sender, body, headers)
    if refused is None:
        ours = incoming_call(Webhooks(sender.secret).verify(body, headers))
        assert theirs.data.call_id == ours.call_id
        assert theirs.created_at == ours.created_at
        assert [(entry.name, entry.value) for entry in theirs.data.sip_headers] == [*ours.headers]
        assert theirs.data.sip_media_security == ours.media_security
    else:
        assert theirs is None
        with pytest.raises(refused, match="check"):
            Webhooks(sender.secret).verify(body, headers)


HEADER = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"])
VALUE = st.text(max_size=30) | st.sampled_from(["1e400", "-inf", "v1,", "v1,A", "v2,AAAA v1", ",", "9" * 40])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(HEADER, VALUE, min_size=1), body=st.none() | st.binary(max_size=30))
def test_whatever_comes_is_refused_with_an_error_of_ours(sender, changes, body):
    signed, headers = sender.signed(sender.call())
    with pytest.raises(WebhookError):
        Webhooks(sender.secret).verify(signed if body is None else body, {**headers, **changes})


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_header_is_named(sender, missing):
    body, headers = sender.signed(sender.call())
    headers.pop(missing)
    with pytest.raises(WebhookForged, match=missing):
        Webhooks(sender.secret).verify(body, headers)


def test_what_is_believed_is_given_whatever_its_type(sender):
    event = {"id": "evt_9", "type": "response.completed", "created_at": 1, "data": {"id": "resp_1"}}
    believed = Webhooks(sender.secret).verify(*sender.signed(event))
    assert believed == WebhookEvent(event_id="evt_9", type="response.completed", created_at=1, data={"id": "resp_1"})


def test_header_names_may_have_any_case(sender):
    body, headers = sender.signed(sender.call())
    assert Webhooks(sender.secret).verify(body, {name.title(): value for name, value in headers.items()})


def test_other_secret_is_a_forgery(sender):
    body, headers = sender.signed(sender.call())
    other = "whsec_" + base64.b64encode(b"another secret, of that length..").decode()
    with pytest.raises(WebhookForged, match="secret"):
        Webhooks(other).verify(body, headers)


def test_replay_is_refused_and_another_id_is_not(sender):
    webhooks = Webhooks(sender.secret)
    webhooks.verify(*sender.signed(sender.call()))
    with pytest.raises(WebhookReplayed, match="200"):
        webhooks.verify(*sender.signed(sender.call(), age_s=5))
    webhooks.verify(*sender.signed(sender.call(), webhook_id="wh_2"))


def test_forgery_does_not_use_up_an_id(sender):
    webhooks = Webhooks(sender.secret)
    body, headers = sender.signed(sender.call())
    with pytest.raises(WebhookForged):
        webhooks.verify(body, {**headers, "webhook-signature": WRONG})
    assert webhooks.verify(body, headers)


def test_memory_of_ids_is_bounded_and_forgets_the_oldest(sender):
    webhooks = Webhooks(sender.secret, remember=2)
    for number in range(3):
        webhooks.verify(*sender.signed(sender.call(), webhook_id=f"wh_{number}"))
    assert [*webhooks._taken] == ["wh_1", "wh_2"]


@pytest.mark.parametrize(
    "secret", ["sk-123", "whsec_", "whsec_not base64!", base64.b64encode(b"x" * 24).decode(), "whsec_A"]
)
def test_secret_that_cannot_be_right_is_refused_and_not_shown(secret):
    with pytest.raises(ConfigError, match="whsec_") as caught:
        Webhooks(secret)
    assert secret == "whsec_" or secret not in str(caught.value)


def test_padding_of_the_secret_may_be_missing(sender):
    sender.key = b"0123456789abcdef0123456789"
    assert sender.secret.endswith("=")
    assert Webhooks(sender.secret.rstrip("=")).verify(*sender.signed(sender.call()))


def test_secret_comes_from_the_environment(sender, monkeypatch):
    with pytest.raises(ConfigError, match="OPENAI_WEBHOOK_SECRET"):
        Webhooks()
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", sender.secret)
    assert Webhooks().verify(*sender.signed(sender.call()))
    monkeypatch.setenv("OFFHOOK_SIP_WEBHOOK_SECRET", "wrong, and asked first")
    with pytest.raises(ConfigError):
        Webhooks()


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'{"id": "evt_1"}', b'{"id": 1, "type": "t"}'])
def test_signed_body_that_is_no_event_is_malformed(sender, body):
    with pytest.raises(WebhookMalformed, match="Check"):
        Webhooks(sender.secret).verify(*sender.signed(body))


@pytest.mark.parametrize("call_id", ["", None, 7])
def test_incoming_call_without_an_id_is_malformed(sender, call_id):
    event = Webhooks(sender.secret).verify(*sender.signed(sender.call(call_id)))
    with pytest.raises(WebhookMalformed, match="call_id"):
        incoming_call(event)


def test_incoming_call_has_what_the_webhook_says_in_order(sender, call_id):
    call = incoming_call(Webhooks(sender.secret).verify(*sender.signed(sender.call())))
    assert isinstance(call, IncomingCall)
    assert (call.call_id, call.event_id, call.created_at) == (call_id, "evt_1", 1750287018)
    assert [name for name, _ in call.headers] == ["From", "To", "Via", "Via"]
    assert [value for name, value in call.headers if name == "Via"] == ["SIP/2.0/TLS a", "SIP/2.0/UDP b"]
    assert call.from_ == '"Ann" <sip:+14255550123@sip.example.com>;tag=1'
    assert call.to == "sip:proj_1@sip.api.openai.com"
    assert call.header("via") == "SIP/2.0/TLS a"
    assert call.header("X-Nothing") is None
    assert call.media_security == "srtp"


@pytest.mark.parametrize("said", ["absent", None])
def test_unknown_media_security_is_none(sender, said):
    call = incoming_call(Webhooks(sender.secret).verify(*sender.signed(sender.call(sip_media_security=said))))
    assert call.media_security is None


def test_what_the_caller_wrote_stays_out_of_the_representation(sender):
    call = incoming_call(Webhooks(sender.secret).verify(*sender.signed(sender.call())))
    assert "4255550123" not in repr(call)


def test_event_of_another_type_is_given_as_it_is(sender):
    event = {"id": "evt_9", "type": "live.transport.incoming", "created_at": 1, "data": {"session_id": "live_1"}}
    given = Webhooks(sender.secret).verify(*sender.signed(event))
    assert (given.type, given.data) == ("live.transport.incoming", {"session_id": "live_1"})


def test_every_refusal_has_a_reason_for_the_sender_on_one_line():
    for kind in (WebhookForged, WebhookStale, WebhookReplayed, WebhookMalformed):
        assert issubclass(kind, WebhookError)
        assert "\n" not in kind.reason
        json.dumps(kind.reason)
