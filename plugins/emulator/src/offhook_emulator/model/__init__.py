"""One conversation as the Realtime API holds it, without I/O: client events and audio in, effects out."""
