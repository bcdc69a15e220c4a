"""The pictures of the review page in the guide."""

from __future__ import annotations

import pytest

from tests.review.web.serving import ROOT

pytestmark = pytest.mark.service


def test_every_picture_is_made_by_the_module_for_it_and_shown_in_the_guide() -> None:
    made = (ROOT / "tests" / "review" / "web" / "pictures.py").read_text()
    guide = (ROOT / "docs" / "guide" / "9-reviewing.md").read_text()
    pictures = sorted(path.name for path in (ROOT / "docs" / "images").glob("review*"))
    assert pictures
    for name in pictures:
        assert f'"{name}"' in made, name
        assert f"(../images/{name})" in guide, name
