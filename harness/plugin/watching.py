"""Collects one evaluation with pytest and hands it over, in place of a gate: for samples that are there already."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import SteelyardError, UsageError
from harness.plugin.collection.suite import COLLECTION
from harness.plugin.pytest_internals import argument_names, no_assertion_diffs

_SHOWN = 20


class _Handing:
    """Takes the evaluation from the gate once it is collected, and calls `use` while its fixtures are set up."""

    def __init__(self, use: Callable[[Any, Any], Any]) -> None:
        self.use, self.results = use, list[Any]()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Called after collection, before the gate would open a run."""
        collection: Any = session.config.pluginmanager.get_plugin(COLLECTION)
        evaluations = collection.evaluations
        if session.items and not collection.errors and len(evaluations) != 1:
            collection.errors.append(f"{len(evaluations)} evaluations are named; name one, as FILE::test.")
        elif evaluations and not collection.errors:
            ((item, evaluation),), collection.evaluations = evaluations.items(), {}
            item.runtest = functools.partial(self.run, item, evaluation, collection.settings)

    def run(self, item: pytest.Function, evaluation: Any, settings: Any) -> None:
        """In place of the bodies on its own cases."""
        own = {name: item.funcargs[name] for name in argument_names(item) if name not in evaluation.wants}
        try:
            with no_assertion_diffs():
                self.results.append(self.use(replace(evaluation, arguments=own), settings))
        except (SteelyardError, KeyboardInterrupt) as error:
            self.results.append(error)


def use_evaluation(name: str, use: Callable[[Any, Any], Any], *options: str) -> Any:
    """Call `use` with the evaluation of pytest's id and the settings, while its fixtures are set up.

    Raises:
        UsageError: pytest could not collect it.
        SteelyardError, KeyboardInterrupt: what `use` raised.
    """
    handing, output, errors = _Handing(use), io.StringIO(), io.StringIO()
    alone = ["-n0"] if importlib.util.find_spec("xdist") else []
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        pytest.main([name, "-qs", "--baseline", "none", *alone, *options], plugins=[handing])
    if not handing.results:
        lines, (_, mark, refusal) = output.getvalue().splitlines(), errors.getvalue().partition("ERROR: ")
        causes = [line for line in lines if line.startswith("E  ")] + f"{mark}{refusal}".splitlines()
        raise UsageError("\n".join([f"{name} could not be run by pytest:", *(causes or lines)[-_SHOWN:]]))
    (result,) = handing.results
    if isinstance(result, BaseException):
        raise result
    return result
