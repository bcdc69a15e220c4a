"""The page as a file: its structure, its policy, its size, and what happens where it can't be written."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

import harness.reporting.html
from harness.errors import SettingsError
from harness.records.report_json import from_json, to_json
from harness.reporting.html import page, write_html
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting import example_reports
from tests.reporting.html import pages

pytestmark = pytest.mark.service


def test_the_page_stands_alone_and_says_what_it_may_do(store: Store, tmp_path: Path) -> None:
    path = pages.page(store, tmp_path / "report", pages.capitals(), pages.rivers())
    assert path == tmp_path / "report" / "index.html"
    tree = pages.read(path)
    assert tree.xpath("//link/@href | //script/@src | //img/@src | //iframe | //object") == [
        link for link in tree.xpath("//link/@href") if link.startswith("data:")
    ]
    (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    (script,) = tree.xpath("//script[not(@type)]")
    (style,) = tree.xpath("//style")
    for kind, block in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(block.text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not re.search(r"https?://(?!www\.w3\.org/)", path.read_text("utf-8"))


def test_the_page_has_the_structure_that_a_screen_reader_goes_by(store: Store, tmp_path: Path) -> None:
    tree = pages.read(pages.page(store, tmp_path, pages.capitals()))
    assert tree.get("lang") == "en"
    assert tree.xpath("//title/text()") == ["RED: 1 regressed · Steelyard"]
    assert tree.xpath("//h1/text()") == ["RED: 1 regressed"]
    named = tree.xpath("//section/@aria-labelledby | //dialog/@aria-labelledby")
    ids = tree.xpath("//@id")
    assert len(set(ids)) == len(ids)
    assert [name for name in named if name not in ids] == ["sheet-title"]  # made when a case is opened
    assert tree.xpath("//*[@*[starts-with(name(), 'on')]]") == []
    assert len(tree.xpath("//main")) == len(tree.xpath("//header/nav[@aria-label]")) == 1
    assert [link.lstrip("#") for link in tree.xpath("//nav/a/@href")] == [
        "evaluations",
        "cases",
        "requirements",
        "run",
    ]


@pytest.mark.parametrize("make", example_reports.ALL)
def test_every_kind_of_report_has_a_page(make: object, store: Store, tmp_path: Path) -> None:
    report = from_json(to_json(make()))  # type: ignore[operator]
    store.begin_run(report.run_id, report.created, {})
    store.finish_run(report.run_id, to_json(report))
    path = write_html(store, store.runs()[0], report, tmp_path / "report")
    content = pages.data(path)
    assert [each["id"] for each in content["evaluations"]] == [each.id for each in report.evaluations]
    assert path.stat().st_size < 300_000
    assert pages.details(path) == []


def test_hostile_names_and_answers_leave_one_script_of_ours_and_the_data(store: Store, tmp_path: Path) -> None:
    names = {"candidate": f"</title><script>{pages.OWNED}</script>", "baseline": "\u202eb"}
    path = pages.page(store, tmp_path / "report", *pages.hostile(), names=names)
    tree = pages.read(path)
    assert [each.get("type") for each in tree.xpath("//script")] == ["application/json", None]
    assert [each.tag for each in tree.xpath("//body/*")] == [
        "a",
        "header",
        "main",
        "dialog",
        "dialog",
        "script",
        "script",
    ]
    assert pages.data(path)["candidate"]["name"] == names["candidate"]
    answers = {body["answer"] for case in pages.details(path) for body in case["bodies"]}
    assert {text for text in pages.HOSTILE if len(text) < 1000} <= answers


def test_a_million_characters_are_cut_and_told(store: Store, tmp_path: Path) -> None:
    path = pages.page(store, tmp_path, *pages.hostile())
    bodies = [
        body for case in pages.details(path) for body in case["bodies"] if body.get("answer", "").startswith("xxx")
    ]
    assert {(len(body["answer"]), body["answer_cut"]) for body in bodies} == {(20_000, 980_000)}
    assert path.stat().st_size < 150_000


def test_a_long_command_is_whole_for_it_is_copied(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.capitals())
    report = replace(side.report, command=("a" * 3000,))
    shown = pages.data(write_html(store, side.weighed.run, report, tmp_path))
    assert shown["command"] == ["a" * 3000]
    assert f"pytest --lf {'a' * 3000}" in [each["command"] for each in shown["steps"]]


@pytest.mark.nightly
def test_ten_thousand_samples_make_a_page_of_less_than_two_megabytes(store: Store, tmp_path: Path) -> None:
    cases = {f"a-case-with-a-rather-long-name-{number:05}": [number % 3 / 2] for number in range(10_000)}
    path = pages.page(store, tmp_path / "report", Scored(candidate=cases, baseline=cases))
    assert path.stat().st_size < 2_000_000
    assert len(pages.details(path)) == 10_000
    assert max(each.stat().st_size for each in (tmp_path / "report" / "details").iterdir()) < 500_000


def test_the_same_run_gives_the_same_page(store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.capitals())
    first, second = (pages.page_of(store, side, tmp_path / name).read_bytes() for name in ("one", "two"))
    assert first == second


def test_a_page_takes_the_place_of_an_older_one_with_all_its_files(store: Store, tmp_path: Path) -> None:
    long = {("candidate", "peru"): ["long " * 4000] * 60, ("candidate", "chad"): ["long " * 4000] * 60}
    folder = tmp_path / "report"
    pages.page(store, folder, Scored(candidate={"peru": [1.0] * 60, "chad": [1.0] * 60}, says=long), run_id="r1")
    assert sorted(each.name for each in (folder / "details").iterdir()) == ["1.js", "2.js"]
    (folder / "details" / "notes.js").write_text("mine")
    path = pages.page(store, folder, Scored(candidate={"peru": [1.0]}), run_id="r2")
    assert sorted(each.name for each in (folder / "details").iterdir()) == ["1.js", "notes.js"]
    assert [each["case"] for each in pages.details(path)] == ["peru"]
    assert sorted(each.name for each in folder.iterdir()) == ["details", "index.html"]


def test_a_folder_that_is_a_file_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "report").write_text("")
    with pytest.raises(SettingsError, match=r"The report folder .*report can't be made: .*report is a file"):
        pages.page(store, tmp_path / "report", pages.rivers())


def test_a_folder_in_place_of_the_page_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "report" / "index.html").mkdir(parents=True)
    with pytest.raises(SettingsError, match=r"can't be written.*Choose another with --report-dir"):
        pages.page(store, tmp_path / "report", pages.rivers())
    assert sorted(each.name for each in (tmp_path / "report").iterdir()) == ["details", "index.html"]


def test_no_script_of_the_page_makes_html_of_a_text() -> None:
    folder = Path(harness.reporting.html.__file__).with_name("static")
    scripts = sorted(folder.glob("*.js"))
    assert {path.name for path in scripts} == {each for each in page.SCRIPTS if "/" not in each}
    banned = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|setHTML")
    assert [path.name for path in scripts if banned.search(path.read_text("utf-8"))] == []
