"""The private parts of pytest that the plugin uses. No other module here touches one.

A part that a run can do without is looked for before it is used, and its absence leaves pytest as it is. The tests of
this module say what is relied on, so that a pytest that changes it fails there first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

import pytest
from _pytest.assertion import util as assertion_util
from _pytest.skipping import evaluate_skip_marks

# -- items -------------------------------------------------------------------------------------------------------------


def argument_names(item: pytest.Function) -> tuple[str, ...]:
    """The names of the fixtures that a test function itself takes."""
    return item._fixtureinfo.argnames


def fixture_definitions(item: pytest.Function) -> Mapping[str, Sequence[pytest.FixtureDef[Any]]]:
    """Every fixture that a test function uses, with its definitions from the outermost to the innermost."""
    return item._fixtureinfo.name2fixturedefs


def fixture_value(live: pytest.Function, name: str, definitions: Sequence[pytest.FixtureDef[Any]]) -> Any:
    """Return the value of a fixture, asked for by an item that is set up.

    Raises:
        LookupError: it has other definitions for that item.
    """
    if list(live.session._fixturemanager.getfixturedefs(name, live) or ()) != list(definitions):
        raise LookupError(name)
    return live._request.getfixturevalue(name)


def is_skipped(item: pytest.Item) -> bool:
    """Tell whether a mark skips an item; also where its condition can't be read, which the item's setup tells."""
    try:
        return evaluate_skip_marks(item) is not None
    except pytest.fail.Exception:
        return True


def skip_item(reason: str) -> NoReturn:
    """Skip the item at hand; the line that pytest shows is the test's, as with its mark `skip`."""
    raise pytest.skip.Exception(reason, _use_item_location=True)


# -- the terminal ------------------------------------------------------------------------------------------------------


def terminal_file(config: pytest.Config) -> TextIO:
    """The file that pytest's reporter writes to."""
    file: TextIO = config.get_terminal_writer()._file
    return file


# -- assertions --------------------------------------------------------------------------------------------------------


@contextmanager
def no_assertion_diffs() -> Iterator[None]:
    """Without pytest's explanations of comparisons, which cost a second for a long answer and are read by nobody."""
    kept = assertion_util._reprcompare
    assertion_util._reprcompare = None
    try:
        yield
    finally:
        assertion_util._reprcompare = kept


def leave_as_written(plugins: pytest.PytestPluginManager, distributed: Collection[str]) -> None:
    """Let Python itself load the packages of a plugin's distribution that are imported from here on.

    pytest's own API only adds marks; should its inside change, modules are rewritten as before.
    """
    hook = plugins.rewrite_hook
    marked, remembered = getattr(hook, "_must_rewrite", None), getattr(hook, "_marked_for_rewrite_cache", None)
    if isinstance(marked, set) and isinstance(remembered, dict):
        marked.difference_update(distributed)
        remembered.clear()
