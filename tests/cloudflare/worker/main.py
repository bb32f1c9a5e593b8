"""The entry of the Worker under test: one request runs one scenario, and its result is the answer."""

import json
import sys
import traceback
from urllib.parse import parse_qsl, urlsplit

# Newer runtimes, and pywrangler's deployments, have this on the path by themselves.
sys.path.insert(0, "/session/metadata/python_modules")

import scenarios
from js import Response


async def on_fetch(request, env):
    query = dict(parse_qsl(urlsplit(request.url).query))
    try:
        told = {"told": await scenarios.SCENARIOS[query.pop("scenario")](**query)}
    except BaseException:  # the test shows it
        told = {"failed": traceback.format_exc()}
    return Response.new(json.dumps(told))
