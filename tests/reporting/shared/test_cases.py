"""The worst case of an evaluation, with the answers that tell it apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records import Change, VerdictKind
from harness.reporting.shared.cases import differing, excerpts, on_one_line, quoted
from harness.reporting.steps import with_steps
from tests.reporting import example_reports as examples
from tests.reporting.terminal.shown import text


def test_answers_that_start_alike_are_shown_from_where_they_part():
    start = "The capital of this country, which lies on the western coast of its continent, is "
    change = Change(examples.CAPITALS, "peru", "score", 0.0, 1.0, 5, f"{start}Quito.", f"{start}Lima.")
    shown = text(examples.report(examples.regressed(), changes=[change]), width=80)
    assert 'was  "…continent, is [-Lima-]."' in shown
    assert 'is   "…continent, is {+Quito+}."' in shown


def test_each_evaluation_that_did_not_pass_shows_its_worst_case_and_an_answer_may_be_missing():
    other = examples.change("x", 0.0, 1.0, None, "gone", examples.SUMMARIES)
    report = examples.report(examples.inconclusive(), examples.regressed(), changes=[other, *examples.CHANGES])
    shown = text(report, width=120)
    assert shown.index("peru   5/5") < shown.index("x   5/5 -> 0/5")
    assert 'x   5/5 -> 0/5\n                was  "gone"\n                is   no answer\n' in shown
    assert "chad" not in shown


def test_what_differs_between_two_answers_is_marked_in_each():
    change = examples.change("sum", 0.0, 1.0, "4 + 5 = 10.", "4 + 5 = 9.", candidate_same=5, baseline_same=1)
    report = examples.report(examples.regressed(), changes=[change])
    assert 'was  "4 + 5 = [-9-]."\n                is   5 × "4 + 5 = {+10+}."\n' in text(report)
    coloured = text(report, colour=True)
    assert 'was  "4 + 5 = \x1b[1;4m9\x1b[0m."\n' in coloured
    assert 'is   5 × "4 + 5 = \x1b[1;4m10\x1b[0m."\n' in coloured
    assert "is   5 x " in text(report, encoding="ascii")


def test_of_versions_that_only_weighed_given_texts_the_reasons_are_shown():
    reasons = {"candidate_reason": "most likely: 'Rome'", "baseline_reason": "most likely: 'Paris'"}
    changes = [examples.change("france", 0.0, 1.0, None, None, **reasons)]
    shown = text(examples.report(examples.regressed(), changes=changes), width=120)
    assert "no answer" not in shown
    assert "why  most likely: 'Paris' -> most likely: 'Rome'" in shown


def test_a_score_that_is_no_count_is_shown_as_a_mean():
    change = replace(examples.CHANGES[0], baseline=0.83, candidate=0.41)
    assert "0.83 -> 0.41" in text(examples.report(examples.regressed(is_binary=False), changes=[change]))


def test_scores_that_only_add_up_to_a_whole_number_are_no_count_of_right_answers():
    """Five scores of 0.2 have the mean of one right answer in five, and none is right."""
    change = replace(examples.CHANGES[0], baseline=0.4, candidate=0.2)
    assert "0.40 -> 0.20" in text(examples.report(examples.regressed(is_binary=False), changes=[change]))
    assert "2/5 -> 1/5" in text(examples.report(examples.regressed(), changes=[change]))


def test_a_case_that_asked_nothing_shows_its_score_alone():
    change = examples.change("slow", 3.5, None, None)
    measured = examples.verdict(VerdictKind.FAILED, candidate=3.5, baseline=None, unit="s", is_binary=False)
    assert "   slow   3.50 s\n" in text(examples.report(measured, changes=[change]))


def test_what_is_printed_of_a_case_can_be_pasted():
    def shown(identity):
        change = examples.change(identity, 0.0, 1.0, "Quito", "Lima")
        report = examples.report(examples.regressed(), changes=[change])
        return [each.command for each in with_steps(report, " --store s.db").steps]

    red = "pytest --lf suites"
    assert shown("peru") == ["steelyard store show peru --store s.db", red, "pytest --lf --case=peru suites"]
    assert shown("who's [1]") == [
        """steelyard store show 'who'"'"'s [1]' --store s.db""",
        red,
        """pytest --lf --case='who'"'"'s [[]1]' suites""",
    ]
    assert shown("-x") == ["steelyard store show --store s.db -- -x", red, "pytest --lf --case=-x suites"]
    assert shown("\x1b[31m") == [red]


@pytest.mark.parametrize(
    ("command", "again"),
    [
        (["-v", "--", "suites"], ["pytest --lf -v -- suites", "pytest --lf --case=peru -v -- suites"]),
        (["-p", "no:cacheprovider"], ["pytest --case=peru -p no:cacheprovider"]),
        (["-pno:cacheprovider"], ["pytest --case=peru -pno:cacheprovider"]),
        (["--case", "p*"], ["pytest --lf --case 'p*'"]),
        ([], ["pytest --lf", "pytest --lf --case=peru"]),
    ],
)
def test_the_red_ones_are_run_again_by_options_that_stand_first(command, again):
    report = examples.report(examples.regressed(), changes=[examples.change("peru", 0.0, 1.0, "Quito", "Lima")])
    steps = with_steps(replace(report, command=tuple(command))).steps
    assert [each.command for each in steps if each.is_local] == again


LONG = "The capital of the country that lies to the west of the one in question is "


def test_what_both_share_is_cut_at_a_word_and_the_difference_is_seen() -> None:
    ours, theirs = excerpts(f"{LONG}Lima", f"{LONG}Quito", 30, "utf-8")
    assert (ours, theirs) == ("…question is Lima", "…question is Quito")


def test_where_no_dots_can_be_written_three_points_stand_for_them() -> None:
    assert excerpts(f"{LONG}Lima", f"{LONG}Quito", 30, "ascii")[0].startswith("...")


def test_what_fits_or_differs_at_once_keeps_its_beginning() -> None:
    assert excerpts("Lima", "Quito", 30, "utf-8") == ("Lima", "Quito")
    ours, theirs = excerpts("Lima " * 20, "Quito " * 20, 20, "utf-8")
    assert ours.startswith("Lima Lima")
    assert theirs.startswith("Quito Quito")
    assert max(len(ours), len(theirs)) <= 20


def test_answers_with_little_in_common_are_not_taken_apart() -> None:
    assert differing("Lima", "The capital of Peru") == ([("Lima", False)], [("The capital of Peru", False)])


def test_no_answer_is_said_and_an_empty_one_quoted() -> None:
    assert quoted(None, 20, "utf-8") == "no answer"
    assert quoted("", 20, "utf-8") == '""'


def test_a_reason_is_shown_on_one_line() -> None:
    assert on_one_line(None, 40, "utf-8") == on_one_line("", 40, "utf-8") == ""
    assert on_one_line("two\n  lines", 40, "utf-8") == "two lines"
