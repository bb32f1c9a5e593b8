"""offhook.hookspecs: the marks of the contract serve other distributions too."""

from __future__ import annotations

import pluggy

from offhook import hookimpl, hookspec


class Specification:
    @hookspec
    def rang(self, event: str) -> str: ...


class Implementation:
    @hookimpl
    def rang(self, event: str) -> str:
        return f"heard {event}"


def test_hooks_of_another_distribution_are_specified_with_the_same_marks():
    manager = pluggy.PluginManager("offhook")
    manager.add_hookspecs(Specification)
    manager.register(Implementation())
    manager.check_pending()
    assert manager.hook.rang(event="a bell") == ["heard a bell"]
