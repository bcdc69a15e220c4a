"""The page of a timeline in a browser, its policy, and its words."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from harness.gate.baselines.timeline import LevelChange, Point, TimedVersion, Timeline, Trend
from harness.records import Estimate, Plan
from harness.reporting.history.page import page, write_history
from harness.reporting.history.text import labels, moved, sentences, sparkline, view
from tests.chromium import MARKS
from tests.reporting.html.test_browser import browser  # noqa: F401 - fixture

SCRIPT = "<script>alert(1)</script>"


def version(number: int, **changes: Any) -> TimedVersion:
    own = TimedVersion("bot", f"f{number}", f"2026-11-{number:02}T12:00:00Z", f"{number}abcdef000")
    return replace(own, **changes)


def point(place: int, value: float, **changes: Any) -> Point:
    return replace(Point(place, Estimate(value, 0.01, value - 0.1, min(1.0, value + 0.1), "t")), **changes)


def trend(*values: float, **changes: Any) -> Trend:
    fields: dict[str, Any] = {
        "id": "suites/test_t.py::test_t", "metric": "score", "plan": Plan(), "anchor": None, "changes": (), "cases": {},
        "points": tuple(point(place, value) for place, value in enumerate(values)),
    }  # fmt: skip
    return Trend(**fields | changes)


def timeline(*trends: Trend, n: int = 4, **changes: Any) -> Timeline:
    return replace(Timeline(0.95, tuple(version(number) for number in range(1, n + 1)), trends), **changes)


DROP = LevelChange(2, 0.92, 0.7)
DROPPED = trend(0.92, 0.92, 0.7, 0.7, changes=(DROP,), cases={"c7": (LevelChange(2, 1.0, 0.0),), "c8": (DROP, DROP)})


def everything() -> Timeline:
    """A timeline with all that a page can have, and hostile names."""
    odd = trend(
        0.5, 0.6, 0.9, id=f"t::test_{SCRIPT}", metric=SCRIPT, anchor=0.55, cases={SCRIPT: (LevelChange(1, 0, 1),)}
    )
    apart = replace(odd.points[1], version=2, note="1 of its cases changed, came or went")
    bare = replace(odd.points[2], version=3, estimate=Estimate(0.9, 0, -math.inf, math.inf, ""))
    odd = replace(odd, plan=Plan(threshold=0.8), points=(odd.points[0], apart, bare))
    plan = Plan(margin=0.1, margin_is_relative=True)
    seconds = trend(1.5, 1.25, metric="latency", unit="s", higher_is_better=False, plan=plan)
    own = timeline(DROPPED, odd, seconds, notes=(SCRIPT,))
    shown = (version(1, releases=("v1.0", "anchor")), *own.versions[1:3], version(4, name=f"git:{SCRIPT}"))
    return replace(own, versions=shown)


def test_nothing_that_others_wrote_is_markup_and_the_policy_knows_the_style_alone() -> None:
    text = page(everything())
    assert SCRIPT not in text
    assert "<script" not in text
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    own = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert policy.replace("&#39;", "'") == own
    assert "style=" not in text
    assert "nan" not in text
    assert "inf" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_the_chart_has_a_block_for_each_point_and_its_line_ends_at_breaks_and_holes() -> None:
    text = page(timeline(trend(0.9, 0.8, 0.7, 0.6), n=4))
    assert text.count('class="band"') == 4
    (line,) = re.findall(r'class="mean" d="([^"]*)"', text)
    assert re.sub(r"[\d. ]", "", line) == "MLLL"
    points = (point(0, 0.9), point(2, 0.8), point(3, 0.7, note="others"))
    (line,) = re.findall(r'class="mean" d="([^"]*)"', page(timeline(trend(0.0, points=points))))
    assert re.sub(r"[\d. ]", "", line) == "MMM"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_history(everything(), tmp_path_factory.mktemp("page") / "new" / "history.html")


class TestInABrowser:
    pytestmark = MARKS

    @pytest.mark.parametrize("scheme", ["dark", "light"])
    @pytest.mark.parametrize("width", [390, 1280])
    def test_it_fits_breaks_no_rule_and_its_policy_stops_nothing_of_it(
        self,
        browser: Browser,  # noqa: F811
        written: Path,
        width: int,
        scheme: Any,
    ) -> None:
        said: list[str] = []
        with browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme) as own:
            opened = own.new_page()
            opened.on("console", lambda message: said.append(message.text))
            opened.goto(written.as_uri())
            assert opened.evaluate("document.documentElement.scrollWidth") <= width
            assert opened.locator("svg:visible").count() == 3
            results = Axe().run(opened).response
        assert said == []
        assert results["passes"]
        assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in results["violations"]] == []


def test_a_version_is_called_by_its_tag_its_own_name_its_commit_its_day_or_its_time() -> None:
    tagged, named = version(1, releases=("v1.0", "anchor")), version(2, name="int8")
    twice = version(4, commit=None), version(4, commit=None, when="2026-11-04T13:00:00Z")
    assert labels([tagged, named, version(3), version(5, commit=None), *twice]) == [
        "v1.0", "int8", "3abcdef", "bot 2026-11-05", "bot 2026-11-04T12:00:00Z", "bot 2026-11-04T13:00:00Z",
    ]  # fmt: skip


def test_what_happened_is_told_in_sentences() -> None:
    shown = ["a", "b", "c", "d", "e"]
    assert sentences(DROPPED, shown[:4]) == [
        "fell from 0.92 to 0.70 between b and c",
        "case c7 fell from 1.00 to 0.00 between b and c",
        "case c8 fell from 0.92 to 0.70 between b and c",
    ]
    seconds = replace(DROPPED, unit="s", statistic="p95", cases={})
    assert sentences(seconds, shown[:4]) == ["the mean fell from 0.920 to 0.700 between b and c"]
    noted = trend(0.9, points=(point(0, 0.9), point(1, 0.9, note="others")))
    assert sentences(noted, shown[:3]) == [
        "b: others",
        "no figure of 1 version: not run, only some cases, measured otherwise, an error, or decided by people",
    ]
    many = replace(DROPPED, changes=(), cases={f"c{n}": (LevelChange(2, 0.0, 1.0),) for n in range(12)})
    assert sentences(many, shown[:4])[9:] == ["case c9 rose from 0.00 to 1.00 between b and c", "2 more cases changed"]


def test_what_moved_is_a_picture_with_the_first_and_last_figure() -> None:
    still, few = trend(0.9, 0.9, 0.9, id="still"), trend(0.9, 0.7, id="few", changes=(LevelChange(1, 0.9, 0.7),))
    assert moved(timeline(DROPPED, still, few)) == [
        ("test_t", "0.92 ██▁▁ 0.70: fell from 0.92 to 0.70 between 2abcdef and 3abcdef")
    ]


def test_a_course_of_many_points_is_thinned_evenly() -> None:
    assert sparkline([place / 99 for place in range(100)], 8) == "▁▂▃▄▅▆▇█"


def test_the_terminal_has_a_line_for_each_evaluation_and_metric() -> None:
    own = timeline(DROPPED, trend(0.5, 0.5, 0.5, 0.5, metric="f1"), notes=("older",))
    shown: Iterator[Any] = view(own)
    assert next(shown) == "4 versions, 1abcdef to 4abcdef"
    assert [each for each in shown if isinstance(each, str)] == [
        "test_t score  0.92 ██▁▁ 0.70",
        "test_t f1  0.50 ▄▄▄▄ 0.50",
    ]
