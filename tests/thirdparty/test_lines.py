"""A third party over the Realtime dialect: its dialer. What is said over it is core's."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from offhook_lines import dialer
from offhook_lines.plugin import Lines

from offhook.errors import ConnectError
from offhook.testing.conformance import RealtimeDialectPeer
from offhook.wire.channel import DialRequest


class LinesPeer(RealtimeDialectPeer):
    """A Realtime service that reads lines."""

    url = ""
    server = writer = None

    async def start(self):
        await super().start()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=65_536)
        self.url = f"tcp://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def serve(self, reader, writer):
        self.writer = writer
        with contextlib.suppress(OSError):
            if await self.admitted():
                async for line in reader:
                    await self.take(line)

    async def transmit(self, text):
        self.writer.write(f"{text}\n".encode())

    async def drop(self):
        self.writer.transport.abort()

    async def hang_up(self):
        self.writer.close()

    async def stop(self):
        await super().stop()
        self.server.close()


def transport(peer):
    return Lines("lines", dialer.dial, url=peer.url)


async def test_a_conversation_goes_over_lines():
    async with LinesPeer() as peer, asyncio.timeout(5):
        line = transport(peer)
        events = line.events("audio", "connection_change")
        await line.connect()
        await peer.say(b"\1\0" * 240)
        await line.send_message("Hello", respond=False)
        await peer.until(lambda: [one.text for one in peer.of("message")] == ["Hello"], "the message", 5)
        await peer.drop()
        heard = [event async for event in events]
    assert [getattr(event, "data", None) or event.status for event in heard] == [
        "connecting", "connected", b"\1\0" * 240, "disconnected",
    ]  # fmt: skip
    assert (heard[-1].reason, heard[-1].recoverable) == ("lost", True)


async def test_a_unix_socket_is_an_address_too(tmp_path):
    path = tmp_path / "s"

    async def repeat(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    async with await asyncio.start_unix_server(repeat, path):
        channel = await dialer.dial(DialRequest(url=f"unix://{path}"))
        await channel.send('{"a":1}')
        assert [line async for line in channel] == [b'{"a":1}\n']
        assert channel.close_code == 1006
        await channel.close()
        assert channel.close_code == 1006


async def test_where_nobody_listens_the_table_to_mend_is_named(tmp_path):
    with pytest.raises(ConnectError, match=r"\[transports\.lines\]"):
        await dialer.dial(DialRequest(url=f"unix://{tmp_path}/nobody"))
