"""Collects one evaluation with pytest and hands it over, in place of a gate: for samples that are there already."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import UsageError
from harness.plugin.collection.suite import COLLECTION
from harness.plugin.pytest_internals import argument_names, no_assertion_diffs

_SHOWN = 20


class _Handing:
    """Stands before the gate: takes the evaluation from it once it is collected, and calls `use` with its fixtures."""

    def __init__(self, use: Callable[[Any, Any], None]) -> None:
        self._use = use
        self.ended: list[UsageError | None] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection, before the gate would open a run."""
        collection: Any = session.config.pluginmanager.get_plugin(COLLECTION)
        if session.items and not collection.errors and len(collection.evaluations) != 1:
            collection.errors.append(f"{len(collection.evaluations)} evaluations are named; name one, as FILE::test.")
        elif collection.evaluations and not collection.errors:
            ((item, evaluation),) = collection.evaluations.items()
            item.runtest = functools.partial(self._run, item, evaluation, collection.settings)
            collection.evaluations = {}

    def _run(self, item: pytest.Function, evaluation: Any, settings: Any) -> None:
        own = {name: item.funcargs[name] for name in argument_names(item) if name not in evaluation.wants}
        try:
            with no_assertion_diffs():
                self._use(replace(evaluation, arguments=own), settings)
            self.ended.append(None)
        except UsageError as error:
            self.ended.append(error)


def use_evaluation(name: str, options: Sequence[str], use: Callable[[Any, Any], None]) -> None:
    """Call `use` with the evaluation of pytest's id and the settings, while its fixtures are set up.

    Raises:
        UsageError: pytest could not collect it, or what `use` raised.
        KeyboardInterrupt: it was interrupted.
    """
    handing, shown = _Handing(use), io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        alone = ["-n0"] if importlib.util.find_spec("xdist") else []
        code = pytest.main([name, "-q", "-s", "--baseline", "none", *alone, *options], plugins=[handing])
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if not handing.ended:
        last = "\n".join(shown.getvalue().strip().splitlines()[-_SHOWN:])
        raise UsageError(f"{name} could not be run by pytest:\n{last}")
    if (error := handing.ended[0]) is not None:
        raise error
