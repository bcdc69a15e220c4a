"""The reports that are committed to be looked at are those that this code makes."""

from __future__ import annotations

import pytest

from tests.reporting.committed import EXAMPLES, FOLDER, made_again

pytestmark = pytest.mark.service


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_is_made_of_its_run_now(name: str) -> None:
    """Where it is not: `python -m tests.reporting.committed`, and look at what it wrote."""
    folder = FOLDER / name
    stale = [file for file, text in made_again(folder).items() if (folder / file).read_text(encoding="utf-8") != text]
    assert stale == []
