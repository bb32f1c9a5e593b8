import asyncio, sys
import offhook
from offhook.realtime import transport as t
import offhook_cloudflare.plugin
from offhook_cloudflare import *
from offhook.hookspecs import ConnectOptions
SCENARIOS = {}
def scenario(f):
    SCENARIOS[f.__name__] = f
    return f

@scenario
async def hello(url):
    tr = CloudflareRealtimeTransportLayer(CloudflareOptions(url=url, api_key="k"))
    seen = []
    tr.on("*", lambda e: seen.append(e.payload["type"]))
    await tr.connect()
    await tr.send_message("hello")
    async for e in tr.events("turn_done"):
        break
    await tr.close()
    return seen

@scenario
async def err(url, key="k"):
    tr = CloudflareRealtimeTransportLayer(CloudflareOptions(url=url, api_key=key))
    try:
        await tr.connect()
    except Exception as e:
        return f"{type(e).__name__} {e}"

@scenario
async def cancel(url, key="k"):
    tr = CloudflareRealtimeTransportLayer(CloudflareOptions(url=url, api_key=key))
    try:
        t = asyncio.create_task(tr.connect())
        await asyncio.sleep(.2)
        await tr.close()
        await t
    except Exception as e:
        return f"{type(e).__name__} {e}"
