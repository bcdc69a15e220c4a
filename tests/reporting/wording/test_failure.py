from __future__ import annotations

import pytest

from harness.records import Loss, VerdictKind
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import cells
from harness.reporting.wording.failure import KEPT, failure_text, message, shared_in_words
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples

REGRESSED = """\
foundation/test_capitals regressed: lower by more than 0.05; 0.93 -> 0.71 (-0.28
to -0.16, margin 0.05)
  versions    smollm2-pruned against smollm2"""


def text(report, verdict=None):
    verdict = verdict or report.evaluations[0]
    name = row_names([verdict])[0]
    return failure_text(verdict, (report.candidate, report.baseline, report.anchor), message(verdict, name))


def test_a_regression_is_a_sentence_and_a_pointer():
    report = examples.red(0)
    assert text(report, report.evaluations[1]) == REGRESSED


def test_what_the_lost_cases_have_in_common_is_told_with_how_many_of_the_others_have_it():
    loss = Loss(examples.CAPITALS, "score", 5, 25, "no longer call look_up", 5, 5, 7, 0, 1e-4)
    assert shared_in_words(loss) == "all 5 lost cases no longer call look_up (none of 7 others)"
    assert shared_in_words(replace(loss, n_with=4, n_others_seen=0)) == "4 of 5 lost cases no longer call look_up"
    assert shared_in_words(replace(loss, shared="")) == ""
    assert message(examples.regressed(), "it", [loss]).startswith("it regressed: lower by more than 0.05; all 5 lost")


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


@pytest.mark.parametrize("make", examples.ALL)
def test_it_fits_80_columns_and_holds_no_control_character(make):
    report = make()
    for verdict in report.evaluations:
        for kind in VerdictKind:
            shown = text(report, replace(verdict, verdict=kind))
            assert all(cells(line) <= 80 for line in shown.splitlines())
            assert not set(shown) & set("\r\t\x1b\0\u202e\ud800")
