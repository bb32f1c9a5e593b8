"""What every way to open a channel says and hears."""

from __future__ import annotations

import pytest

from offhook.errors import AuthenticationError, ConnectError
from offhook.wire.channel import DialRequest
from offhook.wire.handshake import authorization, provider_error, refusal

URL = "wss://example.com/v1/realtime"


def test_the_key_travels_as_a_bearer_beside_the_applications_own_headers():
    request = DialRequest(url=URL, api_key="sk-1", headers={"X-Tenant": "7"})
    assert authorization(request, remedy="") == {"Authorization": "Bearer sk-1", "X-Tenant": "7"}


def test_some_services_take_the_bare_key_in_a_header_of_their_own():
    request = DialRequest(url=URL, api_key="k-1", headers={"X-Tenant": "7"})
    assert authorization(request, remedy="", key_header="x-key") == {"x-key": "k-1", "X-Tenant": "7"}


@pytest.mark.parametrize("name", ["api-key", "Authorization", "API-Key"])
def test_a_header_that_says_who_we_are_takes_the_keys_place(name):
    request = DialRequest(url=URL, api_key="sk-1", headers={name: "secret"})
    assert authorization(request, remedy="") == {name: "secret"}


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_refused_with_where_one_is_looked_for(key):
    with pytest.raises(AuthenticationError, match=r"no API key\. Set it"):
        authorization(DialRequest(url=URL, api_key=key), remedy="Set it.")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationError), (403, AuthenticationError), (404, ConnectError), (500, ConnectError)],
)
def test_b25_a_refusal_carries_status_code_and_the_providers_words(status, kind):
    error = refusal(URL, status, '{"error": {"message": "No such model.", "code": "model_not_found"}}')
    assert type(error) is kind
    assert (error.status, error.code) == (status, "model_not_found")
    assert f"HTTP {status}: No such model." in str(error)


def test_a_call_that_is_not_there_is_told_with_what_to_check():
    error = refusal(URL, 404, '{"error": {"message": "No call found.", "code": "call_id_not_found"}}', call_id="rtc_1")
    assert str(error).endswith("No call found. Check the id: the call may be over.")


def test_where_no_call_was_asked_for_the_address_is_what_to_check():
    assert str(refusal(URL, 404, "")).endswith("HTTP 404. Check the url and the model.")


def test_an_empty_body_is_told_by_the_reason_phrase():
    assert "HTTP 502: Bad Gateway." in str(refusal(URL, 502, "", what="the offer", reason="Bad Gateway"))


@pytest.mark.parametrize("body", ["<h1>no</h1>", "[]", '{"error": "no"}', '{"error": {"message": 5}}'])
def test_a_body_that_is_no_error_object_is_shown_as_it_is(body):
    assert provider_error(body) == (body, None)


def test_a_long_body_is_cut_short():
    assert len(provider_error("x" * 5000)[0]) == 200


def test_p11_the_secrets_of_an_address_are_not_shown():
    assert "hush" not in str(refusal("wss://me:hush@example.com/v1/realtime?key=hush", 500, ""))
