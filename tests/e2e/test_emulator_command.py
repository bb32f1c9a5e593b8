"""``offhook emulator``: one line when it is ready, and a clean end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

# As core registers it, but without the rest of the command line.
PROGRAM = "import typer; from offhook_emulator.commands import emulator; typer.run(emulator)"


def _start(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, "--port", "0", "--voice", "scripted", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_cleanly(number):
    with _start() as process:
        ready = process.stdout.readline()
        assert "listening on http://127.0.0.1:" in ready
        assert ready.endswith("/v1\n")
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "", "")


async def test_it_ends_while_a_session_is_open():
    with _start() as process:
        url = process.stdout.readline().split()[-1].replace("http", "ws")
        async with connect(f"{url}/realtime", additional_headers={"Authorization": "Bearer key"}) as socket:
            await asyncio.wait_for(socket.recv(), 10)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(socket.wait_closed(), 10)
        assert await asyncio.to_thread(process.wait, 20) == 0


def test_a_scenario_that_cannot_be_read_is_named(tmp_path: Path):
    with _start("--replies", f"script:{tmp_path / 'absent.yaml'}") as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "absent.yaml" in errors
