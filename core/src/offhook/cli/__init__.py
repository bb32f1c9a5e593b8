"""The command ``offhook``. typer and rich live here only, and ``offhook transports`` does without them."""
