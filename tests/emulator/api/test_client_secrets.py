"""``POST /v1/realtime/client_secrets``, and sockets that connect with what it gives."""

from __future__ import annotations

import json

import pytest

URL = "/v1/realtime/client_secrets"
SESSION = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be brief."}


async def test_a_secret_carries_its_session(new_server):
    server = new_server(["key"])
    status, secret = await server.request("POST", URL, json={"session": SESSION})
    assert status == 200
    assert secret["value"].startswith("ek_")
    assert secret["expires_at"] == 1_700_000_600
    assert secret["session"]["instructions"] == "Be brief."
    async with server.connect(query="", headers={"authorization": f"Bearer {secret['value']}"}) as socket:
        session = (await socket.until("session.created"))["session"]
        assert (session["model"], session["instructions"]) == ("gpt-realtime-2.1", "Be brief.")


async def test_a_secret_may_be_used_again_until_it_expires(new_server):
    server = new_server()
    expires = {"anchor": "created_at", "seconds": 10}
    _, secret = await server.request("POST", URL, json={"expires_after": expires})
    headers = {"authorization": f"Bearer {secret['value']}"}
    server.now += 9
    for _ in range(2):
        async with server.connect(headers=headers) as socket:
            await socket.until("session.created")
    server.now += 1
    async with server.connect(headers=headers) as socket:
        assert socket.status == 401
        assert "expired" in socket.body["error"]["message"]


async def test_a_body_may_be_left_out(new_server):
    status, secret = await new_server().request("POST", URL)
    assert status == 200
    assert secret["session"]["model"] == "gpt-realtime"


@pytest.mark.parametrize(
    ("options", "code", "param"),
    [
        ({"content": b"{"}, "invalid_json", None),
        ({"json": []}, "invalid_type", ""),
        ({"json": {"other": 1}}, "unknown_parameter", "other"),
        ({"json": {"session": {"type": "transcription"}}}, "invalid_value", "session.type"),
        ({"json": {"session": {}}}, "missing_required_parameter", "session.type"),
        ({"json": {"expires_after": {"seconds": 9}}}, "integer_below_min_value", "expires_after.seconds"),
        ({"json": {"expires_after": {"seconds": 7201}}}, "integer_above_max_value", "expires_after.seconds"),
    ],
)
async def test_a_bad_body_is_refused_as_a_session_would_refuse_it(new_server, options, code, param):
    status, body = await new_server().request("POST", URL, **options)
    assert status == 400
    assert (body["error"]["code"], body["error"]["param"]) == (code, param)


async def test_a_secret_takes_a_key(new_server):
    status, body = await new_server(["the-key"]).request("POST", URL)
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")


async def test_the_answer_is_valid_by_the_published_schema(new_server, corpus, without_nulls):
    jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked with the peers group installed")
    document = json.loads((corpus / "openai-openapi" / "openapi.json").read_text())
    reference = {"$ref": "#/components/schemas/RealtimeCreateClientSecretResponse"}
    _, secret = await new_server().request("POST", URL, json={"session": SESSION})
    validator = jsonschema.Draft202012Validator({**reference, "components": document["components"]})
    validator.validate(without_nulls(secret))


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [("GET", "/v1", 404, "/v1/realtime"), ("GET", "/v1/realtime", 404, "WebSockets"), ("GET", URL, 405, "Method")],
)
async def test_what_is_not_served_is_answered_in_the_services_shape(new_server, method, path, status, says):
    got, body = await new_server().request(method, path)
    assert got == status
    assert says in body["error"]["message"]


async def test_there_is_a_health_check(new_server):
    assert await new_server().request("GET", "/healthz", headers={}) == (200, {"status": "ok"})
