"""The commands that this distribution adds to ``offhook``. They are imported when they are invoked."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from offhook_emulator.replies import replies_from
from offhook_emulator.replies.chat import Chat
from offhook_emulator.replies.protocol import Replies
from offhook_emulator.server import Emulator
from offhook_emulator.voice import voice_from
from offhook_emulator.voice.protocols import Voice


def emulator(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.", min=0, max=65535)] = 8765,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file with a certificate: serves https and wss.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with the certificate's private key.")] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="OFFHOOK_EMULATOR_API_KEY", help="The only key to accept; without it, any.")
    ] = None,
    sip_port: Annotated[
        int | None,
        typer.Option(help="Port to take phone calls on, over SIP; 0 picks a free one.", min=0, max=65535),
    ] = None,
    webhook_url: Annotated[str | None, typer.Option(help="Where to tell of phone calls that ring.")] = None,
    webhook_secret: Annotated[
        str | None,
        typer.Option(envvar="OFFHOOK_EMULATOR_WEBHOOK_SECRET", help="What webhooks are signed with: whsec_…"),
    ] = None,
    replies: Annotated[str, typer.Option(help="Who answers: rules, script:FILE or chat:URL.")] = "rules",
    voice: Annotated[str, typer.Option(help="What it hears and speaks with: real or scripted.")] = "real",
) -> None:
    """Serve the Realtime API on this machine, with a real voice and without a network."""
    answering, speaking = replies_from(replies), voice_from(voice)
    server = Emulator(
        voice=speaking,
        replies=answering,
        host=host,
        port=port,
        api_key=api_key,
        tls_cert=tls_cert,
        tls_key=tls_key,
        sip_port=sip_port,
        webhook_url=webhook_url,
        webhook_secret=webhook_secret,
    )
    try:
        asyncio.run(_serve(server, speaking, answering))
    finally:
        speaking.close()


async def _serve(server: Emulator, voice: Voice, replies: Replies) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopped.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    await voice.warm_up()
    async with server:
        typer.echo(f"offhook emulator listening on {server.url}")
        if server.sip_uri:
            typer.echo(f"offhook emulator answers {server.sip_uri} (udp, tcp)")
        await stopped.wait()
    if isinstance(replies, Chat):
        await replies.close()
