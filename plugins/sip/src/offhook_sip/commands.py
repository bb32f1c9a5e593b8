"""``offhook calls``: answer phone calls, and control them by hand. Imported when it is invoked."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Generator
from typing import Annotated

import typer
from attrs import evolve

from offhook.errors import OffhookError
from offhook.settings import Settings, load_settings, options_for
from offhook.wire.channel import resolve_key
from offhook_sip.accept import build_initial_config
from offhook_sip.agents import load_agent
from offhook_sip.app import webhook_app
from offhook_sip.calls import DECLINE, Calls
from offhook_sip.keys import check_key, key_of_the_environment
from offhook_sip.options import SIPOptions
from offhook_sip.receptionist import Receptionist

calls = typer.Typer(
    help="Answer phone calls, and control them by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CallId = Annotated[str, typer.Argument(help="The call's id, as the webhook has it.", show_default=False)]
Agent = Annotated[str, typer.Option(help="The agent: module:name.", show_default=False)]
Url = Annotated[
    str | None, typer.Option(help="The API's base, such as http://127.0.0.1:8765/v1. Default: the configured one.")
]


@calls.command()
def serve(
    *,
    agent: Agent,
    host: Annotated[str, typer.Option(help="Address to take webhooks on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to take webhooks on; 0 picks a free one.", min=0, max=65535)] = 8080,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar=["OFFHOOK_SIP_WEBHOOK_SECRET", "OPENAI_WEBHOOK_SECRET"],
            help="What webhooks are signed with: whsec_…",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    greet: Annotated[str | None, typer.Option(help="What to say first. Without it, the caller speaks first.")] = None,
) -> None:
    """Answer every phone call with an agent."""
    try:
        from offhook_sip import serve as server  # noqa: PLC0415  # the web server comes with an extra
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise OffhookError('answering calls needs a web server. Run: pip install "offhook-sip[serve]".') from error
    settings = load_settings()
    options = _options(settings, url)
    answering = load_agent(agent)

    async def run() -> None:
        # Nobody should have to call first for that to be known.
        check_key(await resolve_key(options.api_key or key_of_the_environment), options.headers)
        async with Calls(options=options) as client:
            receptionist = Receptionist(answering, client, greeting=greet, options=options, settings=settings)
            app = webhook_app(receptionist, secret=secret or options.webhook_secret)
            await server.serve(app, host, port, typer.echo)

    with _shown_log():
        asyncio.run(run())


@calls.command()
def accept(call_id: CallId, agent: Agent, url: Url = None) -> None:
    """Answer a ringing call with an agent's config; attach to it with RealtimeSession(call_id=…)."""
    settings = load_settings()
    options = _options(settings, url)

    async def answer(client: Calls) -> None:
        await client.accept(call_id, await build_initial_config(load_agent(agent), options=options, settings=settings))

    _do(options, answer)


@calls.command()
def reject(
    call_id: CallId,
    status: Annotated[int, typer.Option(help="SIP status: 486 busy, 480 not there now, 603 declined.")] = DECLINE,
    url: Url = None,
) -> None:
    """Refuse a ringing call."""
    _do(_options(load_settings(), url), lambda client: client.reject(call_id, status))


@calls.command()
def refer(
    call_id: CallId,
    target: Annotated[str, typer.Argument(help="Where to: tel:+14155550123 or sip:someone@example.com.")],
    url: Url = None,
) -> None:
    """Transfer a call."""
    _do(_options(load_settings(), url), lambda client: client.refer(call_id, target))


@calls.command()
def hangup(call_id: CallId, url: Url = None) -> None:
    """End a call."""
    _do(_options(load_settings(), url), lambda client: client.hangup(call_id))


def _options(settings: Settings, url: str | None) -> SIPOptions:
    options = options_for(settings, "sip", SIPOptions)
    return evolve(options, url=url) if url else options


def _do(options: SIPOptions, action: Callable[[Calls], Awaitable[None]]) -> None:
    async def act() -> None:
        async with Calls(options=options) as client:
            await action(client)

    asyncio.run(act())


@contextlib.contextmanager
def _shown_log() -> Generator[None]:
    """Show what the library says of calls; it is quiet by itself."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("offhook")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
