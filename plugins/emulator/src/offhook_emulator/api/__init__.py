"""The surface that clients connect to: REST and WebSocket routes under ``/v1``."""
