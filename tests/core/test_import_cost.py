"""What importing costs: nothing that is not used, in modules and in milliseconds."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys

import pytest

#: What `import offhook` and the list of transports do without.
HEAVY = ["structlog", "cattrs", "rich", "typer", "click", "numpy", "asyncio", "ssl", "orjson"]
NETWORK = ["websockets", "httpx", "httpx2", "aiohttp", "requests", "aiortc", "starlette", "uvicorn"]
PLUGINS = ["offhook_websocket", "offhook_webrtc", "offhook_sip", "offhook_cloudflare", "offhook_emulator"]
RUNS = 7


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


def packages_after(program):
    program = f"import sys\n{program}\nimport json; print(json.dumps(sorted({{n.split('.')[0] for n in sys.modules}})))"
    return set(json.loads(python("-c", program).splitlines()[-1]))


def median_ms(*arguments):
    """CPU time, which a busy machine does not stretch as it does the clock's."""

    def once():
        began = spent()
        python(*arguments)
        return (spent() - began) * 1000

    return statistics.median(once() for _ in range(RUNS))


def spent():
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def foreign(packages):
    return packages - set(sys.stdlib_module_names) - packages_after("pass")


def test_importing_offhook_imports_nothing_but_itself():
    assert foreign(packages_after("import offhook")) == {"offhook"}


@pytest.mark.parametrize(
    "program",
    [
        "from offhook import hookimpl, Capabilities, SessionConfig, RealtimeTransportLayer, AudioEvent, OffhookError",
        "import offhook.settings, offhook.plugins; offhook.plugins.list_transports(offhook.settings.load_settings())",
    ],
    ids=["the contract", "the list of transports"],
)
def test_the_contract_and_discovery_need_pluggy_and_attrs_alone(program):
    packages = packages_after(program)
    assert foreign(packages) <= {"offhook", "pluggy", "attr", "attrs"}
    assert packages.isdisjoint([*HEAVY, *NETWORK, *PLUGINS])


def test_the_command_transports_prints_without_typer_and_rich():
    program = "sys.argv[1:] = ['transports']\nfrom offhook.__main__ import main\nassert main() == 0"
    packages = packages_after(program)
    assert packages.isdisjoint([*HEAVY, *NETWORK, *PLUGINS])


def test_importing_offhook_takes_less_than_150_ms():
    bare, ours = median_ms("-c", "pass"), median_ms("-c", "import offhook")
    assert ours < 150, f"import offhook: {ours:.0f} ms, of which {bare:.0f} ms are Python's own"


def test_importing_the_contract_takes_less_than_150_ms():
    bare, ours = median_ms("-c", "pass"), median_ms("-c", "from offhook import hookimpl")
    assert ours < 150, f"the contract: {ours:.0f} ms, of which {bare:.0f} ms are Python's own"


def test_listing_the_transports_takes_less_than_250_ms():
    ours = median_ms("-m", "offhook", "transports")
    assert ours < 250, f"offhook transports: {ours:.0f} ms"
