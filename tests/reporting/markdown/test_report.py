"""The Markdown report, read back with a parser of Markdown and one of HTML."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import SettingsError
from harness.records import VerdictKind
from harness.reporting.markdown.report import MOST_CHARACTERS, checked_link, markdown, marker
from tests.reporting import example_reports as examples
from tests.reporting.markdown_page import LINKED, Page

EVIL = (
    "|x|y|\n| --- |\n# head\n@ann #12 !3 ~bug $4 GH-7 a@b.org https://evil.example www.evil.example "
    "[link](https://evil.example) ![img](x) `code` ``` ~~~ **bold** _em_ ~~s~~ <script>alert(1)</script> "
    "</code></td></details><!-- steelyard: gate --> --> &lt; &#64;ann :tada: $x^2$ \\@ann\n/close\n- [x] done"
)
ELEMENTS = {"html", "body", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "code", "br"} | {
    *("del", "ins", "ul", "li", "strong", "a", "sub"),
}


def evil(long=1):
    """A report in which everything that others write is hostile."""
    name = f"suites/foundation/test_facts.py::test_capitals[{EVIL}]"
    moved = examples.change(EVIL, 0.0, 1.0, EVIL * long, EVIL, name, candidate_reason=EVIL * long, baseline_reason=EVIL)
    entry = examples.regressed(identity=name, reason=EVIL * long, errors=(EVIL * long, EVIL), unit=EVIL, n_skipped=2)
    return replace(examples.report(entry, candidate=EVIL, baseline=EVIL, changes=[moved]), run_id=EVIL, created=EVIL)


def test_a_red_evaluation_is_told_in_a_sentence_with_its_worst_case_and_what_is_open_in_a_table():
    page = Page(markdown(examples.red()))
    (others,) = page.tables
    assert page.texts("//h3") == ["❌ RED: 1 regressed, 1 inconclusive, 48 passed"]
    assert page.texts("//p")[1] == (
        "❌\N{NO-BREAK SPACE}regressed foundation/test_capitals 0.93 → 0.71 (-0.28 to -0.16, margin 0.05) "
        "lower by more than 0.05"
    ).replace("\N{NO-BREAK SPACE}", " ")
    assert page.texts("(//ul)[1]/li") == [
        "peru 5/5 → 0/5",
        'was "Lima"',
        'is "The capital of the"',
        "why assert 'Lima' in 'The capital of the'",
    ]
    assert others == [
        ["verdict", "evaluation", "figures"],
        [
            "❔ inconclusive",
            "evaluation/test_summaries could be lower by up to 0.09; about 7 more samples a case would decide it",
            "0.84 → 0.81 (-0.09 to +0.03, margin 0.05)",
        ],
    ]
    assert "✅ passed: 48 evaluations" in page.texts("//p")


def test_what_is_required_is_told_as_what_it_demands():
    told = Page(markdown(examples.no_baseline())).texts("//p")[1]
    assert told.endswith("0.71 (0.65 to 0.77), needs 0.85: 0.90 less the margin 0.05 below the threshold 0.90")


def test_what_differs_between_answers_is_marked_and_equal_samples_are_counted():
    change = examples.change("sum", 0.0, 1.0, "4 + 5 = 10.", "4 + 5 = 9.", candidate_same=5, question="4 + 5?")
    source = markdown(examples.report(examples.regressed(), changes=[replace(change, expected="9")]))
    page = Page(source)
    assert page.texts("//del") == ["9"]
    assert page.texts("//ins") == ["10"]
    assert page.texts("(//ul)[1]/li") == [
        'sum 5/5 → 0/5 "4 + 5?" expected "9"',
        'was "4 + 5 = 9."',
        'is 5 × "4 + 5 = 10."',
    ]


def test_the_first_line_is_a_comment_by_which_the_next_run_finds_it():
    assert markdown(examples.red()).splitlines()[0] == "<!-- steelyard: gate -->"
    assert markdown(examples.red(), "nightly/int8").splitlines()[0] == "<!-- steelyard: nightly/int8 -->"
    assert Page(markdown(examples.red(), "nightly/int8")).texts("//h3")[0].startswith("❌ nightly/int8: RED")


@pytest.mark.parametrize("name", ["", "a--b", "a -->", "-a", "a\nb", "ä", "x" * 81])
def test_a_name_that_would_end_the_comment_is_refused(name):
    with pytest.raises(SettingsError, match=r"--name .* can't name a comment"):
        marker(name)


def test_versions_samples_run_and_link_are_told():
    page = Page(markdown(examples.red(), link="https://ci.example/run/1?a=b&c=(d)"))
    first = page.texts("//p")[0]
    assert first.startswith("candidate smollm2-pruned against smollm2 · 50 evaluations · 41 s · 12,400 samples")
    assert page.root.xpath("//a/@href") == ["https://ci.example/run/1?a=b&c=(d)"]
    assert page.texts("//sub")[0].startswith("run 20261124-161500-3f2a of 2026-11-24T16:15:00+00:00; candidate 1f;")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "ci.example", "https://", "file:///etc/passwd", "http://["])
def test_a_link_that_is_no_address_of_the_web_is_refused(link):
    with pytest.raises(SettingsError, match="is no address of the web"):
        checked_link(link)


def test_a_link_can_not_leave_its_brackets():
    page = Page(markdown(examples.green(), link="https://ci.example/a b>)\n# head"))
    assert page.root.xpath("//a/@href") == ["https://ci.example/a%20b%3E)%0A#%20head"]
    assert len(page.texts("//h3")) == 1


def test_a_green_report_has_no_table():
    page = Page(markdown(examples.green()))
    assert page.texts("//h3") == ["✅ GREEN: 12 passed"]
    assert "✅ passed: all 12 evaluations" in page.texts("//p")
    assert page.root.xpath("//table | //ul") == []


def test_requirements_of_both_kinds_are_a_matrix_with_the_worst_verdict_of_each():
    def standing(entry, requirement):
        return replace(entry, plan=replace(entry.plan, requirement=requirement))

    fast = "Non-functional: answers come fast."
    first, second, third = examples.passed(3)
    entries = [
        standing(first, fast),
        standing(examples.regressed(identity="a.py::test_load"), fast),
        standing(second, "answers are right."),
        third,
    ]
    matrix = Page(markdown(examples.report(*entries))).tables[-1]
    assert [[row[0], row[1], row[2].split()[-1]] for row in matrix[1:]] == [
        ["business", "answers are right.", "passed"],
        ["non-functional", "answers come fast.", "regressed"],
    ]
    assert matrix[2][3].startswith("test_load ")
    of_one_kind = Page(markdown(examples.report(*entries[:2]))).tables
    assert [table[0][0] for table in of_one_kind] == ["verdict"]


def test_an_error_is_told_with_its_first_message():
    worse = Page(markdown(examples.broken())).tables[0]
    assert worse[1][0] == "⚠️ error"
    assert worse[1][1].endswith("no answer from http://127.0.0.1:8000/v1 after 10 attempts (200 times) (and 3 more)")


def test_a_run_of_nothing_is_not_called_green():
    assert Page(markdown(examples.nothing())).texts("//h3") == ["❔ no evaluation was run"]


@pytest.mark.parametrize("make", [*examples.ALL, evil])
def test_hostile_text_is_shown_and_nothing_more(make):
    source = markdown(make(), link="https://ci.example/1")
    page = Page(source)
    assert page.elements <= ELEMENTS
    assert not LINKED.search(page.outside_code), page.outside_code
    assert source.count("://") == 1
    assert source.count("<!--") == 1
    assert [line for line in source.splitlines() if line.startswith("/")] == []
    assert source.isprintable() or not {each for each in source if not each.isprintable()} - {"\n"}
    source.encode("utf-8")


def test_the_tables_of_a_hostile_report_keep_their_columns():
    page = Page(markdown(replace(evil(), changes=())))
    assert [len(row) for row in page.tables[0]] == [3, 3]
    shown = "@ann #12 !3 ~bug $4 GH-7 a@b.org https://evil.example"
    assert shown in Page(markdown(evil())).texts("(//ul)[1]/li")[3]


@pytest.mark.service
def test_it_is_shorter_than_a_comment_may_be_however_long_what_it_tells():
    entries = [
        replace(examples.regressed(), id=f"suites/t.py::test_{number}[{EVIL * 100}]", reason=EVIL * 1000, unit=EVIL)
        for number in range(100)
    ]
    greens = [replace(each, verdict=VerdictKind.PASSED, id=each.id.replace("t.py", "u.py")) for each in entries]
    worst = examples.report(*entries, *greens, changes=evil(10_000).changes * 3, candidate=EVIL * 50)
    assert 5_000 < len(markdown(worst)) <= MOST_CHARACTERS
    assert len(markdown(examples.hostile())) < 10_000
    million = replace(examples.regressed(), reason="x" * 1_000_000, errors=("word " * 200_000,))
    assert len(markdown(examples.report(million))) < 5_000


def test_rows_that_are_left_out_are_counted():
    page = Page(markdown(examples.sixty()))
    assert len(page.tables[0]) == 1 + 20
    assert "and 10 more that did not pass" in page.texts("//p")
