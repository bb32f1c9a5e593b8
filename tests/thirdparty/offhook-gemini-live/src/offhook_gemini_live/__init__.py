"""The ``gemini-live`` transport: Google's Gemini Live API over a WebSocket."""

from offhook_gemini_live.options import GeminiLiveOptions
from offhook_gemini_live.transport import GeminiLive

__all__ = ["GeminiLive", "GeminiLiveOptions"]
