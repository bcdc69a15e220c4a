"""The page in a real browser, opened from disk: filter, search, keys, addresses, details, both schemes, a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from harness.records import Change
from harness.reporting.html import write_html
from harness.store import Store
from harness.store.location import option_for
from tests.chromium import MARKS, launched
from tests.gate import stored
from tests.gate.stored import Scored
from tests.reporting.html import pages

pytestmark = MARKS
_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(path, "#case=peru")`: a page from disk. Errors, refusals of its policy, dialogs, and requests for
    anything but the page and its details fail the test.
    """
    contexts, troubles = [], []

    def start(path: Path, address: str = "", **options: Any) -> Page:
        own = [path.as_uri(), *(each.as_uri() for each in (path.parent / "details").iterdir())]
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda said: troubles.append(f"console: {said.text}"))
        page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
        page.on(
            "request", lambda asked: troubles.append(f"request: {asked.url}") if not _is_own(asked.url, own) else None
        )
        page.goto(path.as_uri() + address)
        return page

    yield start
    for context in contexts:
        context.close()
    assert troubles == []


def _is_own(url: str, own: list[str]) -> bool:
    return url.partition("#")[0] in own or url.startswith("data:")


@pytest.fixture
def path(store: Store, tmp_path: Path) -> Path:
    """The page of a red run of two evaluations."""
    return pages.page(store, tmp_path / "report", pages.capitals(), pages.rivers())


def shown(page: Page) -> list[str]:
    """The cases in the list."""
    return page.locator("#case-list .case-id").all_inner_texts()


def press(page: Page, key: str, times: int = 1) -> None:
    for _ in range(times):
        page.keyboard.press(key)


def title(page: Page) -> Any:
    return page.locator("#sheet-title")


# ------------------------------------------------------------------------------------------------------ what is there


def test_the_verdict_is_the_first_thing_on_the_page(open_page: Any, path: Path) -> None:
    page = open_page(path)
    expect(page.get_by_role("heading", level=1)).to_have_text("RED 1 regressed, 1 passed")
    expect(page.locator("#weighed")).to_contain_text("candidate small")
    expect(page.locator("#next li").first).to_contain_text("the red ones alonepytest --lf suites")
    rows = page.locator("#rows .evaluation")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("✗ regressed")
    expect(rows.nth(1)).to_contain_text("✓ passed")


def test_an_evaluation_shows_its_plots_and_statements(open_page: Any, path: Path) -> None:
    page = open_page(path)
    panel = page.locator("#panel-0")
    expect(panel).to_be_hidden()
    expect(page.locator("#evaluation-0 .bars").get_by_role("img")).to_have_count(1)
    page.get_by_role("link", name="How do we know?").click()
    expect(panel.locator(".statement")).to_have_count(2)
    bars = panel.locator(".statement").get_by_role("img")
    expect(bars.nth(0)).to_have_accessible_name(re.compile(r"^regressed against the baseline: difference -0\.\d\d \["))
    page.locator("#evaluation-1 .head").click()
    expect(page.locator("#panel-1")).to_contain_text("no worse by more than 0.40")
    page.locator("#evaluation-1 .head").click()
    expect(page.locator("#panel-1")).to_be_hidden()


def test_the_best_of_many_is_called_so_under_the_verdict(open_page: Any, store: Store, tmp_path: Path) -> None:
    side = stored.run(store, "r1", pages.capitals())
    path = write_html(store, side.weighed.run, replace(side.report, best_of=30), tmp_path / "report")
    page = open_page(path)
    expect(page.locator("#weighed")).to_contain_text("candidate smallchosen among 30 candidatesagainst large")


def test_a_bar_that_goes_on_beyond_the_scale_ends_in_an_arrowhead(open_page: Any, store: Store, tmp_path: Path) -> None:
    few = {"peru": [1.0, 0.0], "chad": [1.0, 1.0]}
    rule = {"design": "fixed", "margin": 0.01}
    page = open_page(pages.page(store, tmp_path / "report", Scored(pages.CAPITALS, few, few, rule=rule)))
    expect(page.locator("#evaluation-0 .bars .beyond").first).to_be_visible()
    expect(page.locator("#legend")).to_contain_text("an arrowhead: the range goes on")


def test_an_error_has_no_range(open_page: Any, store: Store, tmp_path: Path) -> None:
    broken = pages.capitals()
    broken = replace(broken, rule={**broken.rule, "errors": ("KeyError: 'x'",)})
    page = open_page(pages.page(store, tmp_path / "report", broken))
    expect(page.locator("#panel-0 .range")).to_have_count(0)


def test_an_error_is_told_by_its_first_line_above_the_others(open_page: Any, store: Store, tmp_path: Path) -> None:
    error = "case 'peru': KeyError: 'x'\nTraceback (most recent call last):\n  File \"bot.py\", line 3"
    broken = pages.capitals()
    broken = replace(broken, rule={**broken.rule, "errors": (error,)})
    page = open_page(pages.page(store, tmp_path / "report", broken))
    finding = page.locator(".finding").first
    expect(page.locator("#evaluation-0 .reason")).to_have_text("case 'peru': KeyError: 'x'")
    expect(finding.locator(".sentence")).to_have_text("case 'peru': KeyError: 'x'")
    expect(finding.locator("pre")).to_contain_text('File "bot.py", line 3')


def test_without_a_requirement_no_link_leads_to_them(open_page: Any, store: Store, tmp_path: Path) -> None:
    page = open_page(pages.page(store, tmp_path / "report", pages.capitals()))
    expect(page.get_by_role("link", name="Requirements")).to_have_count(0)


def test_requirements_lead_to_their_evaluations(open_page: Any, path: Path) -> None:
    page = open_page(path)
    expect(page.get_by_role("link", name="Requirements")).to_be_visible()
    row = page.get_by_role("row", name="Whoever asks for a river gets its name")
    row.get_by_role("link").click()
    expect(page.locator("#panel-1")).to_be_visible()
    expect(page.locator("#evaluation-1 .head")).to_be_focused()


# ----------------------------------------------------------------------------------------------------- filter, search


def test_a_state_filters_cases(open_page: Any, path: Path) -> None:
    page = open_page(path)
    page.get_by_label("State").select_option("flaky")
    assert shown(page) == ["river-7"]
    page.get_by_label("Evaluation", exact=True).select_option("foundation/test_capitals")
    assert shown(page) == []
    page.get_by_label("Evaluation", exact=True).select_option("all evaluations")
    page.get_by_label("State").select_option("flipped")
    assert all(int(case[-2:]) % 5 == 0 for case in shown(page))
    page.get_by_label("State").select_option("not counted")
    expect(page.locator("#case-list .scores").first).to_have_text("")


def test_ids_and_answers_are_searched(open_page: Any, path: Path) -> None:
    page = open_page(path)
    page.get_by_role("searchbox").fill("CASE-1")
    expect(page.locator("#found")).to_have_text("10 of 68 cases")
    page.get_by_role("searchbox").fill("surely")
    expect(page.locator("#found")).to_have_text("1 of 68 cases")
    assert shown(page) == ["case-00"]
    page.get_by_role("searchbox").fill("nowhere to be found")
    expect(page.locator("#case-list")).to_have_text("No case is left. Clear the filter to see all.")


@pytest.fixture
def changed(store: Store, tmp_path: Path) -> Path:
    """A page with twelve cases to look at, of which the first is told whole."""
    side = stored.run(store, "r1", pages.capitals(), pages.rivers())
    ids = [f"case-{number:02}" for number in range(0, 60, 5)]
    told = Change(pages.CAPITALS, ids[0], "score", 0.0, 1.0, 2, "It is Cusco.", "It is Lima.", 2)
    first = replace(told, question="What is the capital of Peru?", expected="Lima", candidate_same=5, baseline_same=2)
    changes = (first, *(replace(told, case_id=each) for each in ids[1:]))
    return write_html(store, side.weighed.run, replace(side.report, changes=changes), tmp_path / "report")


@pytest.mark.parametrize("size", [_PHONE, {"width": 1280, "height": 800}], ids=["phone", "desk"])
def test_the_first_screen_says_what_is_worse_the_worst_case_and_what_to_do(
    size: Any, open_page: Any, store: Store, changed: Path
) -> None:
    page = open_page(changed, viewport=size)
    finding = page.locator(".finding")
    expect(finding).to_have_count(1)
    expect(finding.locator("h2")).to_have_text("✗ regressed foundation/test_capitals")
    expect(finding.locator(".number")).to_have_text(
        re.compile(r"^1\.00 → 0\.\d\d \(-0\.\d\d to -0\.\d\d, margin 0\.10\)$")
    )
    expect(finding.locator(".sentence")).to_contain_text("lower")
    expect(finding.get_by_role("group", name="What was asked")).to_contain_text("What is the capital of Peru?")
    expect(finding.get_by_role("group", name="What is expected")).to_contain_text("Lima")
    baseline, candidate = finding.locator(".side").all()
    expect(baseline).to_have_text("baseline 2 ×It is Lima.")
    expect(candidate).to_have_text("candidate 5 ×It is Cusco.")
    assert [side.locator(".right").all_inner_texts() for side in (baseline, candidate)] == [["Lima"], []]
    assert [side.locator(".wrong").all_inner_texts() for side in (baseline, candidate)] == [[], ["Cusco"]]
    red = "pytest --lf suites"
    commands = [f"steelyard store show case-00{option_for(store.url)}", red, "pytest --lf --case=case-00 suites"]
    expect(page.locator("#next code")).to_have_text(commands)
    seen = [page.locator("#headline"), finding, *page.locator("#next button").all()]
    assert max(each.bounding_box()["y"] + each.bounding_box()["height"] for each in seen) <= size["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert "confidence" not in finding.inner_text(), "statistics stand behind how we know"


def test_a_command_is_copied(open_page: Any, changed: Path) -> None:
    page = open_page(changed, permissions=["clipboard-read", "clipboard-write"])
    page.locator("#next").get_by_role("button").nth(1).click()
    expect(page.locator("#next").get_by_role("button").nth(1)).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "pytest --lf suites"


def test_what_ran_it_is_told(open_page: Any, path: Path) -> None:
    about = open_page(path).locator("#about")
    expect(about).to_contain_text("candidatesmall  f-small")
    expect(about).to_contain_text("baselinelarge  f-large")
    expect(about).to_contain_text("confidence level0.95")


def test_a_filter_stands_in_the_address_and_leaves_the_evaluations_that_match(open_page: Any, changed: Path) -> None:
    page = open_page(changed)
    page.get_by_role("button", name="cases scored lower").click()
    expect(page).to_have_url(re.compile(r"#state=worse&of=foundation%2Ftest_capitals$"))
    worse = shown(page)
    assert worse
    assert all(int(case[-2:]) % 5 == 0 for case in worse)
    again = open_page(changed, "#" + page.url.partition("#")[2])
    expect(again.get_by_label("State")).to_have_value("worse")
    assert shown(again) == worse
    again.get_by_role("searchbox").fill("nowhere to be found")
    expect(again.locator("#evaluations")).to_be_hidden()
    again.get_by_role("button", name="Clear").click()
    expect(again.locator("#evaluations")).to_be_visible()
    expect(again).to_have_url(changed.as_uri())


def test_the_list_shows_what_was_asked_and_answered(open_page: Any, path: Path) -> None:
    page = open_page(path)
    expect(page.locator(".case").first.locator(".case-text")).to_have_text("case-00The capital is Quito, surely.")


def test_stages_of_the_path_are_groups(open_page: Any, store: Store, tmp_path: Path) -> None:
    tone = replace(pages.rivers(), id=pages.TONE)
    page = open_page(pages.page(store, tmp_path / "report", tone, pages.capitals(), pages.rivers()))
    assert page.locator("#rows .stage").all_inner_texts() == ["foundation ✗ regressed", "evaluation ✓ passed"]
    names = page.locator("#rows .name").all_inner_texts()
    assert names == ["foundation/test_capitals", "foundation/test_rivers", "evaluation/test_tone"]


def test_a_threshold_is_told_as_what_it_demands(open_page: Any, store: Store, tmp_path: Path) -> None:
    passed = Scored(candidate={f"case-{n}": [1.0] * 9 for n in range(60)}, rule={"threshold": 0.9, "margin": 0.1})
    page = open_page(pages.page(store, tmp_path / "report", passed))
    expect(page.locator("#evaluation-0 .figures")).to_contain_text("needs 0.80: 0.90 less the margin 0.10")


def test_more_cases_come_when_asked_for(open_page: Any, path: Path) -> None:
    page = open_page(path)
    assert len(shown(page)) == 50
    page.get_by_role("button", name="18 more cases").click()
    assert len(shown(page)) == 68
    expect(page.locator(".case").nth(50)).to_be_focused()


# -------------------------------------------------------------------------------------------------- one case, address


def test_an_address_opens_a_case_with_all_its_answers(open_page: Any, path: Path) -> None:
    page = open_page(path, f"#case=case-00&in={quote(pages.CAPITALS)}")
    expect(title(page)).to_have_text("case-00")
    sheet = page.locator("#sheet")
    expect(sheet.locator(".message")).to_have_text("usercase-00")
    expect(sheet.locator(".sample")).to_have_count(2)
    expect(sheet.locator(".side").nth(0)).to_contain_text("baseline, sample 1The capital is Lima.1 why 0")
    assert sheet.locator(".sample").nth(0).locator("del").all_inner_texts() == ["Lima"]
    assert sheet.locator(".sample").nth(0).locator("ins").all_inner_texts() == ["Quito, surely"]
    assert sheet.locator(".sample").nth(1).locator("del, ins").count() == 0, "nothing of these two is alike"


def test_an_address_of_no_case_is_told(open_page: Any, path: Path) -> None:
    page = open_page(path, "#case=lake-1")
    expect(page.locator("#found")).to_have_text("68 cases in 2 evaluations · this report has no case lake-1")
    expect(page.locator("#sheet")).to_be_hidden()


def test_the_address_of_an_open_case_opens_it_again(open_page: Any, path: Path) -> None:
    page = open_page(path)
    page.locator(".case", has_text="case-05").first.click()
    expect(title(page)).to_have_text("case-05")
    expect(page).to_have_url(re.compile("#case=case-05"))
    address = page.url.partition("#")[2]
    expect(title(open_page(path, f"#{address}"))).to_have_text("case-05")
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    expect(page).to_have_url(path.as_uri())


def test_a_case_without_its_details_says_why(open_page: Any, path: Path, browser: Browser) -> None:
    (path.parent / "details" / "1.js").unlink()
    page = browser.new_page()
    page.goto(f"{path.as_uri()}#case=case-00")
    expect(page.locator("#sheet .note")).to_have_text(
        "details/1.js is missing. Keep the folder “details” beside this page."
    )
    page.close()


def test_details_of_another_run_are_told(open_page: Any, store: Store, path: Path, tmp_path: Path) -> None:
    other = pages.page(store, tmp_path / "other", pages.rivers(), run_id="another")
    (other.parent / "details" / "1.js").replace(path.parent / "details" / "1.js")
    page = open_page(path, "#case=case-00")
    expect(page.locator("#sheet .note")).to_contain_text("those of a newer report")


# ----------------------------------------------------------------------------------------------------------- keyboard


def test_keys_go_through_evaluations_and_cases_and_open_them(open_page: Any, path: Path) -> None:
    page = open_page(path)
    press(page, "j")
    expect(page.locator("#evaluation-0 .head")).to_be_focused()
    press(page, "j")
    expect(page.locator("#evaluation-1 .head")).to_be_focused()
    press(page, "k")
    expect(page.locator("#evaluation-0 .head")).to_be_focused()
    press(page, "Enter")
    expect(page.locator("#panel-0")).to_be_visible()


def test_keys_step_through_cases(open_page: Any, path: Path) -> None:
    page = open_page(path)
    first, second, third = shown(page)[:3]
    page.locator(".case").first.focus()
    press(page, "Enter")
    expect(title(page)).to_have_text(first)
    press(page, "j")
    expect(title(page)).to_have_text(second)
    press(page, "j")
    press(page, "k", 2)
    expect(title(page)).to_have_text(first)
    press(page, "k")
    expect(title(page)).to_have_text(first)
    press(page, "j", 2)
    expect(title(page)).to_have_text(third)
    press(page, "Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    expect(page.locator(".case").first).to_be_focused()


def test_slash_searches_enter_goes_to_what_was_found_and_escape_clears(open_page: Any, path: Path) -> None:
    page = open_page(path)
    press(page, "/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("river-1")
    expect(page.locator("#found")).to_have_text("1 of 68 cases")
    press(page, "Enter")
    expect(page.locator(".case").first).to_be_focused()
    press(page, "Escape")
    expect(page.locator("#found")).to_have_text("68 cases in 2 evaluations")
    expect(page.get_by_role("searchbox")).to_have_value("")


# ------------------------------------------------------------------------------------------------ scheme, size, print


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(scheme: str, open_page: Any, path: Path) -> None:
    page = open_page(path, color_scheme=scheme)
    found = page.evaluate(_CONTRASTS)
    assert len(found) > 40
    assert [each for each in found if each["contrast"] < 4.5] == []


@pytest.mark.parametrize("address", ["", "#case=case-00"])
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_screen(width: int, address: str, open_page: Any, path: Path) -> None:
    page = open_page(path, address, viewport={"width": width, "height": 844})
    if address:
        expect(page.locator(".sample").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.getElementById('sheet').scrollWidth") <= width


def test_fingers_have_room_on_a_phone(open_page: Any, path: Path) -> None:
    page = open_page(path, viewport=_PHONE, has_touch=True)
    sizes = page.evaluate(
        "[...document.querySelectorAll('.stop, .act, select, input[type=search]')]"
        ".filter((each) => each.offsetParent).map((each) => each.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 24


def test_the_printed_page_has_every_verdict_and_no_controls(open_page: Any, path: Path) -> None:
    page = open_page(path)
    page.emulate_media(media="print")
    expect(page.locator("#rows .evaluation:visible")).to_have_count(2)
    expect(page.locator("#filters")).to_be_hidden()
    expect(page.locator("nav")).to_be_hidden()


# ---------------------------------------------------------------------------------------------------------- hostility


def test_what_a_model_wrote_runs_nothing(open_page: Any, store: Store, tmp_path: Path) -> None:
    names = {"candidate": f"</title><script>{pages.OWNED}</script>", "baseline": "\u202eb"}
    path = pages.page(store, tmp_path / "report", *pages.hostile(), names=names)
    page = open_page(path)
    for number in range(2):
        if page.locator(f"#panel-{number}").is_hidden():
            page.locator(f"#evaluation-{number} .head").click()
    for place in range(page.locator(".case").count()):
        page.locator(".case").nth(place).click()
        expect(page.locator("#sheet .sample").first).to_be_visible()
        page.keyboard.press("Escape")
    assert page.evaluate("window.owned") is None
    assert page.locator("main script, main img, dialog script, dialog img, main iframe").count() == 0


def test_control_and_direction_characters_are_written_out(open_page: Any, store: Store, tmp_path: Path) -> None:
    says = {("candidate", "peru"): ["\x1b[31m\0red\u202e \ud800 \u2028"]}
    path = pages.page(store, tmp_path / "report", Scored(candidate={"peru": [1.0]}, says=says))
    page = open_page(path, "#case=peru")
    expect(page.locator(".sample .text")).to_have_text("\\x1b[31m\\x00red\\u202e \ufffd \\u2028")


@pytest.mark.nightly
def test_every_hostile_id_has_an_address(open_page: Any, store: Store, tmp_path: Path) -> None:
    path = pages.page(store, tmp_path / "report", *pages.hostile())
    for case in pages.HOSTILE_IDS:
        page = open_page(path, f"#case={quote(case, safe='')}")
        expect(title(page)).to_be_visible()
        expect(page.locator("#sheet .sample").first).to_be_visible()


def test_a_script_put_into_the_page_would_not_run(open_page: Any, path: Path, browser: Browser) -> None:
    """The policy holds where every care in the scripts would have failed."""
    page = browser.new_page()
    page.goto(path.as_uri())
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<img src=x onerror=\"window.owned = 1\">'")
    with pytest.raises(Exception, match="TrustedScript"):
        page.evaluate("document.body.setAttribute('onclick', 'window.owned = 1')")
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned") is None
    with pytest.raises(Exception, match="not a file of details"):
        page.evaluate("policy.createScriptURL('https://example.com/evil.js')")
    page.close()


_CONTRASTS = """() => {
  const channel = (value) => ((value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const rgb = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => rgb(colour).slice(0, 3).map(channel).reduce((sum, part, at) => sum + part * WEIGHTS[at], 0);
  const WEIGHTS = [0.2126, 0.7152, 0.0722];
  const behind = (each) => {
    for (let at = each; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (rgb(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const says = (each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll("main *, header *")]
    .filter((each) => each.offsetParent && !each.disabled && says(each))
    .map((each) => {
      const pair = [getComputedStyle(each).color, behind(each)].map(light).sort((a, b) => b - a);
      return { contrast: (pair[0] + 0.05) / (pair[1] + 0.05), text: each.textContent.slice(0, 40) };
    });
}"""
