"""Curves of needles as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from harness.reporting.customization.context import context_curves
from harness.reporting.customization.drawing import context_svg
from tests.reporting.customization.test_context import needles

pytestmark = pytest.mark.service

SVG = "{http://www.w3.org/2000/svg}"


def test_each_version_has_a_panel_for_each_length_and_a_point_for_each_depth() -> None:
    drawn = ElementTree.fromstring(context_svg(context_curves(needles())))
    assert len(drawn.findall(f"{SVG}polyline")) == len(drawn.findall(f"{SVG}polygon")) == 6
    points = drawn.findall(f"{SVG}circle")
    assert len(points) == 18
    width, height = (float(drawn.attrib[name]) for name in ("width", "height"))
    assert all(0 < float(each.attrib["cx"]) < width and 0 < float(each.attrib["cy"]) < height for each in points)
    high, low, other = (float(each.attrib["cy"]) for each in points[3:6])
    assert low > high == other
    titles = [each.text for each in drawn.findall(f"{SVG}text")]
    assert "smollm2-pruned: effective length 128 tokens" in titles
    assert titles.count("512 tokens") == 2
