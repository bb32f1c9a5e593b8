"""Opening the WebSocket: who we say we are, and why it was a no."""

from __future__ import annotations

import http
import socket

import pytest
from offhook_gemini_live.dialer import dial
from websockets.asyncio.server import serve

from offhook.errors import AuthenticationError, ConnectError
from offhook.wire.channel import DialRequest

MAX_SIZE = 1024


async def headers_of(**request):
    """Dial a server of this machine, and give the headers that it saw."""
    seen = []

    async def hang_up(connection):
        seen.append(connection.request.headers)

    async with serve(hang_up, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        channel = await dial(DialRequest(url=f"ws://127.0.0.1:{port}/ws", **request), max_size=MAX_SIZE)
        assert [frame async for frame in channel] == []
        assert channel.close_code == 1000
        await channel.close()
    return seen[0]


async def test_the_key_goes_into_a_header_and_not_into_the_address():
    assert (await headers_of(api_key="a-key"))["x-goog-api-key"] == "a-key"


async def test_an_authorization_of_ones_own_takes_the_place_of_the_key():
    headers = await headers_of(api_key="a-key", headers={"authorization": "Bearer token"})
    assert headers["authorization"] == "Bearer token"
    assert "x-goog-api-key" not in headers


async def test_without_a_key_nothing_is_dialled():
    with pytest.raises(AuthenticationError, match="GEMINI_API_KEY"):
        await dial(DialRequest(url="ws://127.0.0.1:9/ws", api_key=""), max_size=MAX_SIZE)


@pytest.mark.parametrize(("status", "error"), [(403, AuthenticationError), (404, ConnectError)])
async def test_a_handshake_that_is_refused_says_with_which_status(status, error):
    async with serve(
        None, "127.0.0.1", 0, process_request=lambda connection, _: connection.respond(http.HTTPStatus(status), "no")
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(error) as raised:
            await dial(DialRequest(url=f"ws://127.0.0.1:{port}/ws?key=secret", api_key="a-key"), max_size=MAX_SIZE)
    assert (type(raised.value), raised.value.status) == (error, status)
    assert "secret" not in str(raised.value)


async def test_where_nobody_listens_the_address_is_named_without_its_query():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectError, match=rf"ws://127\.0\.0\.1:{port}/ws cannot be reached"):
        await dial(DialRequest(url=f"ws://127.0.0.1:{port}/ws?key=secret", api_key="a-key"), max_size=MAX_SIZE)
