"""The OpenAI Realtime dialect, as a protocol without I/O, and the base of every transport that speaks it."""
