"""Finds the application's agent by its name on the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from offhook.agent import RealtimeAgent
from offhook.errors import ConfigError


def load_agent(name: str) -> RealtimeAgent:
    """Import the agent ``module:agent``; modules of the working directory are found too.

    Raises ``ConfigError`` saying what is missing. What the module itself raises when it is imported is not touched.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"the agent {name!r} must be given as module:agent, such as receptionist:agent.")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(
            f"there is no module {error.name!r}, asked for by the agent {name!r}. "
            "Check its spelling, and run the command in the folder that holds it."
        ) from error
    agent = getattr(module, attribute, None)
    if not isinstance(agent, RealtimeAgent):
        what = "has no such name" if agent is None else f"has a {type(agent).__name__} there"
        raise ConfigError(
            f"the agent {name!r} is not to be had: {module_name} {what}. Put one there: {attribute} = RealtimeAgent(…)."
        )
    return agent
