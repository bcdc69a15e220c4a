"""Collects one evaluation with pytest and hands it over, in place of a gate: for samples that are there already."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.config import Settings
from harness.errors import UsageError
from harness.gate.evaluations.evaluation import Evaluation
from harness.plugin.collection.items import Collection
from harness.plugin.collection.suite import COLLECTION
from harness.plugin.pytest_internals import argument_names

_SHOWN = 20


class _Handing:
    """Stands before the gate: the evaluation is taken from it once it is collected, and called with its fixtures."""

    def __init__(self, use: Callable[[Evaluation, Settings], None]) -> None:
        self._use, self.error, self.is_used = use, None, False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection, before the gate would open a run."""
        collection = session.config.pluginmanager.get_plugin(COLLECTION)
        assert isinstance(collection, Collection)
        if not collection.errors and len(collection.evaluations) != 1:
            collection.errors.append(f"{len(collection.evaluations)} evaluations are named; name one, as FILE::test.")
        for item, evaluation in collection.evaluations.items():
            item.runtest = functools.partial(self._run, item, evaluation, collection.settings)  # type: ignore[attr-defined]
        if not collection.errors:
            collection.evaluations = {}

    def _run(self, item: pytest.Function, evaluation: Evaluation, settings: Settings) -> None:
        own = {name: item.funcargs[name] for name in argument_names(item) if name not in evaluation.wants}
        try:
            self._use(replace(evaluation, arguments=own), settings)
            self.is_used = True
        except UsageError as error:
            self.error = error


def use_evaluation(name: str, options: list[str], use: Callable[[Evaluation, Settings], None]) -> None:
    """Call `use` with the evaluation of pytest's id and the settings, while its fixtures are set up.

    Raises:
        UsageError: pytest could not collect it, or what `use` raised.
    """
    handing, shown = _Handing(use), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        pytest.main([name, "-q", "-s", "--baseline", "none", *options], plugins=[handing])
    if handing.error is not None:
        raise handing.error
    if not handing.is_used:
        last = "\n".join(shown.getvalue().strip().splitlines()[-_SHOWN:])
        raise UsageError(f"{name} could not be run by pytest:\n{last}")
