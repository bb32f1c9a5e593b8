"""The entry of the Worker under test: one request runs one scenario, and its result is the answer."""

import json
import sys
import traceback

# Newer runtimes, and pywrangler's deployments, have this on the path by themselves.
sys.path.insert(0, "/session/metadata/python_modules")

import scenarios
from conformance import conformance
from js import Response

# The suite has its own patience, for each rule.
SCENARIOS = {**scenarios.SCENARIOS, "conformance": conformance}


async def on_fetch(request, env):
    order = json.loads(await request.text())
    try:
        told = {"told": await SCENARIOS[order["scenario"]](**order["arguments"])}
    except BaseException:  # noqa: BLE001  # the test shows it
        told = {"failed": traceback.format_exc()}
    return Response.new(json.dumps(told))
