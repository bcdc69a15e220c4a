"""Differences as a picture: each on its axis, with its bounds and its margin."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.notebook.drawing import plotted
from harness.records import Difference, Verdict, VerdictKind
from tests.reporting import example_reports as examples


def entry(name: str, *, low: float = -0.2, high: float = 0.1, **changes: Any) -> Verdict:
    difference = Difference((max(low, -1) + min(high, 1)) / 2, 0.05, low, high, 0.3, "t")
    return replace(examples.verdict(identity=name), difference=difference, **changes)


def drawn(*entries: Verdict) -> ElementTree.Element:
    return ElementTree.fromstring(plotted(examples.report(*entries)).svg)


def lines(picture: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    found = [each for each in picture.iter() if kind in each.get("class", "").split()]
    return [(float(each.get("x1", "nan")), float(each.get("x2", "nan"))) for each in found if each.tag.endswith("line")]


def texts(picture: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in picture.iter() if each.tag.endswith("text")]


def test_bounds_value_margin_and_zero_are_on_one_scale() -> None:
    picture = drawn(entry("test_a", margin=0.05))
    ((low, high),) = lines(picture, "bounds")
    ((margin, _),) = lines(picture, "margin")
    zero = lines(picture, "axis")[-1][0]
    per_unit = (high - low) / 0.3
    assert margin == pytest.approx(zero - 0.05 * per_unit, abs=0.02)
    assert low == pytest.approx(zero - 0.2 * per_unit, abs=0.02)
    (dot,) = (float(each.get("cx", "nan")) for each in picture.iter() if each.tag.endswith("circle"))
    assert dot == pytest.approx((low + high) / 2, abs=0.02)


def test_the_worst_come_first_and_are_told_to_those_who_do_not_see() -> None:
    picture = drawn(entry("test_good", verdict=VerdictKind.PASSED), entry("test_<bad>", verdict=VerdictKind.REGRESSED))
    names = [text for text in texts(picture) if text.startswith("test_")]
    assert names == ["test_<bad>", "test_good"]
    assert re.match(r"test_<bad>: regressed, .*; test_good: passed", picture.get("aria-label", ""))


@pytest.mark.parametrize(("aim", "higher", "sides"), [("higher", True, 1), ("lower", False, 1), ("same", True, 2)])
def test_the_margin_lies_where_worse_is(aim: Any, higher: bool, sides: int) -> None:
    picture = drawn(entry("test_a", aim=aim, higher_is_better=higher))
    zero = lines(picture, "axis")[-1][0]
    margins = [x < zero for x, _ in lines(picture, "margin")]
    assert margins == {"higher": [True], "lower": [False], "same": [True, False]}[aim]
    assert len(margins) == sides


def test_several_units_are_told_in_margins() -> None:
    seconds = entry("test_slow", low=-4.0, high=2.0, unit="s", margin=2.0)
    scores = entry("test_right", low=-0.2, high=0.1, margin=0.1)
    picture = drawn(seconds, scores)
    assert "difference in margins" in texts(picture)
    assert lines(picture, "bounds")[0] == lines(picture, "bounds")[1]
    assert "difference in s" in texts(drawn(seconds))


def test_what_has_no_bounds_or_no_difference_is_drawn_as_far_as_it_is_known() -> None:
    unbounded = entry("test_few", low=-math.inf, high=math.inf)
    picture = drawn(unbounded, replace(entry("test_measured"), difference=None), entry("test_a"))
    (left, right), (low, high) = lines(picture, "bounds")
    assert left < low < high < right
    assert "1 evaluation without a difference" in texts(picture)
    assert drawn(replace(entry("test_measured"), difference=None)) is not None
    assert "2 evaluations more" in texts(drawn(*(entry(f"test_{n}") for n in range(42))))


def test_it_is_saved_as_a_file(tmp_path: Path) -> None:
    plot = plotted(examples.report(entry("test_a")))
    assert repr(plot) == "Plot()"
    assert plot.save(tmp_path / "a.svg").read_text("utf-8") == plot.svg == plot._repr_svg_()


@pytest.mark.parametrize("name", ["a.png", "a"])
def test_a_name_of_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}' does not end in \.svg, and .* alone: save a\.svg"):
        plotted(examples.report(entry("test_a"))).save(tmp_path / name)
    assert not list(tmp_path.iterdir())
