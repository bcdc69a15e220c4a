"""Other plugins of pytest that would run an evaluation again, or end it."""

from __future__ import annotations

from typing import Any

import pytest

from harness.plugin.collection.items import is_evaluation


class Neighbours:
    """Hooks beside pytest-timeout and pytest-rerunfailures."""

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item) -> bool | None:
        """Called where pytest-timeout sets a timer: there is none for an evaluation, in whose call others are sampled
        too. It has `--deadline`.
        """
        return True if is_evaluation(item) else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection: a verdict stays as it is, so that an evaluation is never run again."""
        has: Any = session.config.pluginmanager.hasplugin
        if has("rerunfailures") or has("pytest_rerunfailures"):
            for item in filter(is_evaluation, session.items):
                item.add_marker(pytest.mark.flaky(reruns=0, condition=False), append=False)
