from __future__ import annotations

import pytest

from harness.records import VerdictKind
from harness.reporting.shared.text import cells
from harness.reporting.wording.failure import KEPT, failure_text
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples

REGRESSED = """\
foundation/test_capitals regressed: 0.71 against 0.93, lower by more than 0.05
  versions    smollm2-pruned against smollm2
  candidate   0.71 [0.65, 0.77]
  baseline    0.93
  difference  -0.22 [-0.28, -0.16], margin 0.05
  measured    200 cases, 1,000 samples of the candidate, 312 answers cut at
              max_tokens
  cases       3 of 4 got worse:
              peru   5/5 -> 0/5
    baseline  "Lima"
    candidate "The capital of the"
    reason    assert 'Lima' in 'The capital of the'
              chad   5/5 -> 1/5
    baseline  "N'Djamena"
    candidate "Chad is a"
              mali   3/5 -> 2/5
    baseline  "Bamako."
    candidate "Mali is a landlocked country in West Africa."
    reason    Not named."""

FAILED = """\
foundation/test_capitals failed: 0.71, below 0.90
  versions    smollm2-pruned
  candidate   0.71 [0.65, 0.77]
  required    0.90, margin 0.05 (the default)
  measured    200 cases, 1,000 samples of the candidate
  cases       2 of 3 were not always right:
              peru   0/5
    answer    "The capital of the"
    reason    no capital
              chad   1/5
    answer    "Chad is a landlocked country in the north of Africa, and i…(+23)\""""


def text(report, verdict=None, changes=()):
    return failure_text(verdict or report.evaluations[0], report.candidate, report.baseline, changes)


def test_a_regression_stands_alone():
    report = examples.red(0)
    assert text(report, report.evaluations[1], report.changes) == REGRESSED


def test_a_failed_requirement_stands_alone():
    report = examples.no_baseline()
    assert text(report, changes=report.changes) == FAILED


def test_without_answers_the_worst_cases_are_listed():
    cases = tuple(examples.case(f"case-{number}", 0.0, number / 10) for number in range(1, 10))
    shown = text(examples.red(), replace(examples.regressed(), cases=cases))
    assert "9 of 9 got worse:   case-9 0.90 -> 0.00   case-8 4/5 -> 0/5" in shown
    assert shown.endswith("…")


def test_a_measure_has_its_unit_and_its_direction():
    cases = (examples.case("slow", 0.9, 0.3), examples.case("fast", 0.2, 0.4))
    verdict = replace(examples.regressed(), unit="s", higher_is_better=False, cases=cases, is_binary=False)
    shown = text(examples.red(), verdict)
    assert "candidate   0.710 [0.650, 0.770] s" in shown
    assert "1 of 2 got worse:   slow 0.300 -> 0.900 s" in shown


def test_where_nothing_may_change_cases_differ_the_largest_move_first():
    cases = (examples.case("up", 0.9, 0.3), examples.case("down", 0.1, 0.3), examples.case("level", 0.3, 0.3))
    verdict = replace(examples.regressed(), unit="bits", aim="same", cases=cases, is_binary=False)
    assert "2 of 3 differ:   up 0.300 -> 0.900 bits   down 0.300 -> 0.100 bits" in text(examples.red(), verdict)


def test_an_error_says_what_happened_and_what_to_do():
    shown = text(examples.broken(), examples.broken().evaluations[2])
    assert "error       case 'peru': TypeError: 'NoneType' object is not subscriptable" in shown
    assert "error       and 1 more message in report.json" in shown
    assert " ".join(shown.split()).endswith(f"next mend the error above and run again: {KEPT}")


def test_the_error_of_a_pair_says_the_next_step_itself():
    """Beside "whoever runs again meets the same block" stood "mend the error above and run again"."""
    broken = examples.error("case 'pair-3': block 4 of served can't be trusted: it put off 3 requests.")
    pair = replace(broken, plan=replace(broken.plan, in_blocks=True))
    shown = " ".join(text(examples.broken(), pair).split())
    assert shown.endswith("next do what the error above asks for: stored pairs stay until --fresh")


def test_an_interruption_is_nothing_to_mend():
    stopped = examples.interrupted(100, 300)
    assert text(examples.red(), stopped).endswith("next        run again to go on from there (without --fresh)")


def test_an_inconclusive_verdict_says_what_would_decide_it_once():
    assert " ".join(text(examples.undecided(), examples.inconclusive()).split()).count("would decide") == 1


def test_a_bug_in_a_body_is_followed_to_its_line():
    frames = ("test_facts.py:12: assert is_right(answer, case)", "checks.py:7: return answer.strip() == case.expected")
    broken = replace(examples.broken().evaluations[2], traceback=frames)
    assert f"  raised at   {frames[0]}\n              {frames[1]}\n" in text(examples.broken(), broken)


@pytest.mark.parametrize("others", [(), ("case 'mali': no answer",)])
def test_the_traceback_of_an_application_has_its_lines(others):
    error = "case 'peru': ValueError: no\nTraceback (most recent call last):\n  File \"bot.py\", line 3, in answer"
    broken = replace(examples.broken().evaluations[2], errors=(error, *others), reason=error)
    shown = text(examples.broken(), broken)
    assert "\n  error       case 'peru': ValueError: no\n              Traceback (most recent call last):\n" in shown
    assert '\n                File "bot.py", line 3, in answer\n' in shown
    assert shown.splitlines()[0].endswith("case 'peru': ValueError: no")
    assert "⏎" not in shown


def test_no_count_of_right_answers_is_told_where_samples_are_missing():
    cases = (examples.case("peru", 0.5, 1.0, n=4),)
    missing = replace(examples.regressed(), verdict=VerdictKind.ERROR, cases=cases)
    assert "1 of 1 got worse:   peru 1.00 -> 0.50" in text(examples.red(), missing)


def test_the_reasons_of_both_answers_are_told():
    shown = examples.change("peru", 0.2, 0.9, "Quito", "Lima", candidate_reason="wrong", baseline_reason="right")
    told = text(examples.red(), examples.regressed(), [shown])
    assert [line.strip() for line in told.splitlines()[-4:]] == [
        'baseline  "Lima"',
        "reason    right",
        'candidate "Quito"',
        "reason    wrong",
    ]


@pytest.mark.parametrize("make", examples.ALL)
def test_it_fits_80_columns_and_holds_no_control_character(make):
    report = make()
    for verdict in report.evaluations:
        for kind in VerdictKind:
            shown = text(report, replace(verdict, verdict=kind), report.changes)
            assert all(cells(line) <= 80 for line in shown.splitlines())
            assert not set(shown) & set("\r\t\x1b\0\u202e\ud800")
