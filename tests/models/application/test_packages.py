"""Where a module is installed, and of which release."""

from __future__ import annotations

from importlib.metadata import version

from harness.models.application.packages import found_package


def test_a_module_is_told_by_the_package_that_brought_it() -> None:
    place, releases = found_package("yaml")
    assert place is not None
    assert place.endswith("yaml/__init__.py")
    assert releases == [f"PyYAML {version('PyYAML')}"]
    assert found_package("numpy")[1] == [f"numpy {version('numpy')}"]


def test_one_that_is_not_there_has_none() -> None:
    assert found_package("lib_of_nowhere") == (None, [])
