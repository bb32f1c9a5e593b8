"""Audio without devices: formats, G.711, WAV files, framing, resampling."""
