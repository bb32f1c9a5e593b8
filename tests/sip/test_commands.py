"""``offhook calls``: by hand, and as a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from importlib.metadata import entry_points
from socket import create_server

import httpx2
import pytest
from typer.testing import CliRunner

from offhook.errors import AuthenticationError, ConfigError, OffhookError
from offhook_sip.agents import load_agent
from offhook_sip.commands import calls as command
from offhook_sip.errors import CallNotFound
from offhook_sip.serve import serve

AGENT = "from offhook import RealtimeAgent\nagent = RealtimeAgent(name='Ann', instructions='Be brief.')\nnumber = 7\n"


@pytest.fixture(autouse=True)
def _own_modules():
    yield
    sys.modules.pop("reception_desk", None)


@pytest.fixture
def run(api, monkeypatch):
    """Run a command against the scripted HTTP side."""
    monkeypatch.setattr("offhook_sip.calls._make_client", lambda _options: api.http)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")

    def run(*arguments):
        result = CliRunner().invoke(command, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "reception_desk.py").write_text(AGENT)
    return "reception_desk:agent"


def test_command_is_found_by_its_entry_point():
    (entry,) = entry_points(group="offhook.commands", name="calls")
    assert entry.load() is command


def test_help_names_the_five_actions(run):
    said = run("--help").output
    assert all(action in said for action in ("serve", "accept", "reject", "refer", "hangup"))


def test_accept_sends_the_agents_config_to_the_given_service(run, api, desk):
    run("accept", "rtc_1", "--agent", desk, "--url", "http://127.0.0.1:9/v1")
    assert str(api.asked[0].url) == "http://127.0.0.1:9/v1/realtime/calls/rtc_1/accept"
    assert api.body("accept")["instructions"] == "Be brief."


def test_reject_refer_and_hangup_do_what_they_say(run, api):
    run("reject", "rtc_1", "--status", "486")
    run("refer", "rtc_1", "tel:+14155550123")
    run("hangup", "rtc_1")
    assert api.actions == ["reject", "refer", "hangup"]
    assert api.body("reject") == {"status_code": 486}
    assert {request.headers["authorization"] for request in api.asked} == {"Bearer sk-env"}


def test_caller_who_is_gone_is_told(run, api):
    api.answers["hangup"] = httpx2.Response(404)
    with pytest.raises(CallNotFound, match="hung up"):
        run("hangup", "rtc_1")


def test_agent_is_found_in_the_working_directory(desk):
    assert load_agent(desk).name == "Ann"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("reception_desk", "module:agent"),
        (":agent", "module:agent"),
        ("no_such_desk:agent", "no module 'no_such_desk'"),
        ("reception_desk.inner:agent", "no module 'reception_desk.inner'"),
        ("reception_desk:nobody", "has no such name"),
        ("reception_desk:number", "has a int there"),
    ],
)
def test_agent_that_is_not_there_is_told_with_the_next_step(desk, name, said):
    with pytest.raises(ConfigError, match=said):
        load_agent(name)


def test_error_inside_the_agents_module_is_not_hidden(tmp_path):
    (tmp_path / "reception_desk.py").write_text("import no_such_thing\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        load_agent("reception_desk:agent")


def test_serve_without_a_secret_says_where_to_get_one(run, desk):
    with pytest.raises(ConfigError, match="OPENAI_WEBHOOK_SECRET"):
        run("serve", "--agent", desk)


def test_serve_without_a_key_says_so_before_anybody_calls(run, desk, sender, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(AuthenticationError, match="Set OPENAI_API_KEY"):
        run("serve", "--agent", desk, "--secret", sender.secret)


def test_serve_without_the_web_server_says_what_to_install(run, desk, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "offhook_sip.serve")
    monkeypatch.delattr("offhook_sip.serve")
    with pytest.raises(OffhookError, match=r'pip install "offhook-sip\[serve\]"'):
        run("serve", "--agent", desk)


# From here on with real sockets, on this machine.


@contextmanager
def serving(desk, environ):
    command = [sys.executable, "-m", "offhook", "calls", "serve", "--agent", desk, "--port", "0"]
    command += ["--url", "http://127.0.0.1:1/v1"]  # nothing listens there
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ}
    ) as process:
        try:
            yield process, process.stdout.readline().strip().rsplit(" ", 1)[-1]
        finally:
            process.kill()


@pytest.mark.parametrize("variable", ["OPENAI_WEBHOOK_SECRET", "OFFHOOK_SIP_WEBHOOK_SECRET"])
def test_serve_takes_webhooks_until_it_is_told_to_stop(desk, sender, variable):
    body, headers = sender.signed(sender.call())
    with serving(desk, {variable: sender.secret, "OPENAI_API_KEY": "sk-env"}) as (process, url):
        assert httpx2.get(url).text == "ok\n"
        assert httpx2.post(url, content=body, headers=headers).status_code == 200
        assert httpx2.post(url, content=body).status_code == 400
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode in {0, -signal.SIGTERM}
    assert "webhook_refused" in said
    assert "call_failed" in said
    assert sender.secret not in said
    assert "sk-env" not in said
    assert "Traceback" not in said


async def test_address_that_cannot_be_listened_on_is_told_with_the_next_step():
    lines = []
    with pytest.raises(OffhookError, match=r"203\.0\.113\.1 cannot be had.*127\.0\.0\.1"):
        await serve(None, "203.0.113.1", 0, lines.append)
    with closing(create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OffhookError, match=rf"Port {port} on 127\.0\.0\.1 is in use\. Choose another"):
            await serve(None, "127.0.0.1", port, lines.append)
    assert lines == []
