"""The pictures of the review page in the how-to pages."""

from __future__ import annotations

import pytest

from tests.review.web.serving import ROOT

pytestmark = pytest.mark.service


def test_every_picture_is_made_by_the_module_for_it_and_shown_in_a_page() -> None:
    made = (ROOT / "tests" / "review" / "web" / "pictures.py").read_text()
    pages = "".join(path.read_text() for path in (ROOT / "docs" / "howto" / "review").glob("*.md"))
    pictures = sorted(path.name for path in (ROOT / "docs" / "images").glob("review*"))
    assert pictures
    for name in pictures:
        assert f'"{name}"' in made, name
        assert f"(../../images/{name})" in pages, name
