"""What stands in for the Workers runtime in unit tests, and the real runtime for ``test_workerd.py``."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import define, field


class JsError(Exception):
    """What ``pyodide.ffi.JsException`` is to the real runtime."""


@define(eq=False)
class FakeProxy:
    call: object
    destroyed: bool = False

    def destroy(self):
        self.destroyed = True


@define(eq=False, slots=False)
class FakeSocket:
    """The runtime's WebSocket, of newer compatibility dates unless ``binaryType`` is taken away.

    ``log`` holds what was done to it, in order. ``fire`` is what the other side and the runtime do.
    """

    log: list[tuple] = field(factory=list)
    listeners: dict[str, FakeProxy] = field(factory=dict)
    binaryType: str | None = "blob"  # noqa: N815  # JavaScript's name, as are those below
    raises: dict[str, Exception] = field(factory=dict)
    #: Whether a close is answered with a close event, as a peer that is alive would.
    answers: bool = True
    closing: asyncio.Event = field(factory=asyncio.Event)

    def _note(self, *entry):
        self.log.append(entry)
        if error := self.raises.get(entry[0]):
            raise error

    def addEventListener(self, name, proxy):  # noqa: N802
        self._note("listen", name)
        self.listeners[name] = proxy

    def removeEventListener(self, name, proxy):  # noqa: N802
        assert self.listeners.pop(name) is proxy
        self._note("unlisten", name)

    def accept(self):
        self._note("accept")

    def send(self, data):
        self._note("send", data)

    def close(self, code, reason):
        self._note("close", code, reason)
        self.closing.set()
        if self.answers:
            self.fire("close", code=code, reason=reason)

    def fire(self, name, **event):
        if name in self.listeners:
            self.listeners[name].call(SimpleNamespace(**event))

    def did(self, name):
        return [entry[1:] for entry in self.log if entry[0] == name]


@define(eq=False)
class FakeResponse:
    webSocket: object  # noqa: N815  # JavaScript's name
    status: int = 101
    body: str = ""

    async def text(self):
        return self.body


@define(eq=False)
class FakeRuntime:
    """Answers every ``fetch`` with ``answer``: a response, an exception to raise, or ``None`` for never."""

    answer: object = None
    asked: list[tuple[str, dict]] = field(factory=list)
    proxies: list[FakeProxy] = field(factory=list)
    js_error: type[Exception] = JsError
    dialling: asyncio.Event = field(factory=asyncio.Event)
    aborted: bool = False

    async def fetch(self, url, headers):
        self.asked.append((url, dict(headers)))
        self.dialling.set()
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.aborted = True
        return self.answer

    def proxy(self, listener):
        self.proxies.append(FakeProxy(listener))
        return self.proxies[-1]

    def refuse(self, status, body="", no_socket=None):
        self.answer = FakeResponse(no_socket, status, body if isinstance(body, str) else json.dumps(body))


@pytest.fixture
def socket():
    return FakeSocket()


@pytest.fixture
def runtime(socket):
    return FakeRuntime(FakeResponse(socket))


# The real runtime.

WORKER = Path(__file__).parent / "worker"
ROOT = WORKER.parent.parent.parent
# For websocket_peer.py, the far end of the conformance suite.
sys.path.insert(0, str(ROOT / "tests" / "websocket"))
BINARY = WORKER / "node_modules/@cloudflare/workerd-linux-64/bin/workerd"
#: Pure Python that the wheels depend on, in the versions that this environment has.
DEPENDENCIES = ("attrs", "cattrs", "packaging", "pluggy", "structlog", "typing-extensions")

# The flag: this release's V8 dies ("unreachable code", in Deoptimizer::TranslatedValueForWasmReturnKind) where it gives up
# optimized JavaScript in the middle of a call of Wasm that it inlined. Pyodide is such calls, and hot after some seconds.
CONFIG = """\
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ["--no-turbo-inline-js-wasm-calls"],
  services = [
    (name = "open", worker = (globalOutbound = "internet", {worker})),
    (name = "shut", worker = (globalOutbound = "nowhere", {worker})),
    (name = "internet", network = (
      allow = ["public", "private"], tlsOptions = (trustedCertificates = [embed "{certificate}"]))),
    (name = "nowhere", network = (allow = []))
  ],
  sockets = [
    (name = "open", address = "127.0.0.1:0", http = (), service = "open"),
    (name = "shut", address = "127.0.0.1:0", http = (), service = "shut")
  ]
);
const modules :List(Workerd.Worker.Module) = [
  {modules}
];
"""


@pytest.fixture(scope="session")
def workerd():
    """The runtime's binary: the release that ``worker/package.json`` names, installed once by npm."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        _cannot("the workerd package that has Pyodide inside is for Linux on x86_64")
    for tool in ("npm", "openssl", "uv"):
        if shutil.which(tool) is None:
            _cannot(f"{tool} is not on PATH, and makes what the Worker needs")
    if not BINARY.exists():
        _run("npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", WORKER)
    return BINARY


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for this machine, and its key. The Worker trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    # workerd looks at the alternative names alone.
    _run("openssl", "req", *made, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert)
    return cert, key


@pytest.fixture(scope="session")
def worker(workerd, certificate, tmp_path_factory):
    """A running Worker with our built wheels: ``await worker(scenario, …)`` gives what the scenario told."""
    folder = tmp_path_factory.mktemp("worker")
    config = folder / "config.capnp"
    config.write_text(_config(_vendored(folder), certificate[0]))
    reading, writing = os.pipe()
    command = [workerd, "serve", config, "--experimental", f"--control-fd={writing}", "--import-path=/"]
    with subprocess.Popen(command, pass_fds=[writing], stdout=sys.stderr, stderr=sys.stderr) as process:
        os.close(writing)
        try:
            with os.fdopen(reading) as control:
                # {"event": "listen", "socket": "open", "port": N} for each, as soon as Python has been loaded.
                ports = {said["socket"]: said["port"] for said in map(json.loads, itertools.islice(control, 2))}
            assert ports.keys() == {"open", "shut"}, "workerd did not start; its own words are on stderr"
            yield partial(_ask, ports)
        finally:
            process.terminate()


async def _ask(ports, scenario, *, worker="open", **arguments):
    order = json.dumps({"scenario": scenario, "arguments": arguments}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{ports[worker]}/", order)

    def call():
        # Longer than any scenario's own patience: what failed in there is worth more than that it took too long.
        with urllib.request.urlopen(request, timeout=100) as response:  # noqa: S310  # our own address
            return json.load(response)

    said = await asyncio.to_thread(call)
    assert "failed" not in said, said["failed"]
    return said["told"]


def _vendored(folder):
    """Build our wheels and install them as pywrangler would: into a folder, for Pyodide."""
    for project in ("core", "plugins/cloudflare"):
        _run("uv", "build", "--quiet", "--wheel", "--out-dir", folder / "wheels", ROOT / project)
    pinned = [f"{name}=={version(name)}" for name in DEPENDENCIES]
    where = ["--target", folder / "vendor", "--python-version", "3.12", "--python-platform", "wasm32-pyodide2024"]
    wheels = sorted((folder / "wheels").glob("*.whl"))
    _run("uv", "pip", "install", "--quiet", *where, "--only-binary", ":all:", *wheels, *pinned)
    return folder / "vendor"


def _config(vendor, certificate):
    own = {name: WORKER / name for name in ("main.py", "scenarios.py", "conformance.py")}  # the first is the entry
    theirs = {
        f"python_modules/{path.relative_to(vendor)}": path
        for path in sorted(vendor.rglob("*"))
        if path.is_file() and path.suffix != ".pyi" and not {"__pycache__", "bin"} & {*path.parts}
    }
    modules = [_module(name, path) for name, path in {**own, **theirs}.items()]
    worker = 'modules = .modules, compatibilityDate = "2024-11-12", compatibilityFlags = ["python_workers"]'
    return CONFIG.format(worker=worker, certificate=certificate, modules=",\n  ".join(modules))


def _module(name, path):
    kind = "pythonModule" if path.suffix == ".py" else "data"
    return f'(name = "{name}", {kind} = embed "{path}")'


def _run(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        _cannot(f"{' '.join(map(str, command[:2]))} failed: {done.stderr.strip()}")


def _cannot(reason):
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no Worker to test in: {reason}")


@define
class FarEnd:
    """The service that the Worker talks to. ``frames`` holds all frames of all its sessions, with who sent each."""

    url: str
    frames: list[tuple[str, dict]] = field(factory=list)

    def client(self, kind):
        return [frame for who, frame in self.frames if who == "client" and frame["type"] == kind]

    def server(self, kind):
        return [frame for who, frame in self.frames if who == "server" and frame["type"] == kind]


@pytest.fixture
def emulator():
    """Start the emulator, with a scripted voice and any other options: ``async with emulator() as far_end``."""
    from offhook_emulator.replies.rules import Rules
    from offhook_emulator.server import Emulator
    from offhook_emulator.voice.scripted import ScriptedVoice

    @asynccontextmanager
    async def start(**options):
        far_end = FarEnd("")
        note = lambda who, frame: far_end.frames.append((who, frame))  # noqa: E731
        async with Emulator(voice=ScriptedVoice(), replies=Rules(), observer=note, **options) as server:
            far_end.url = server.url
            yield far_end

    return start
