"""The ``lines`` transport: the Realtime API as lines of JSON over TCP or a Unix socket."""
