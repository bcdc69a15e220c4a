"""The report on a terminal: its layout, its first line, and what to do next."""

from __future__ import annotations

import math
import re
import shlex
import subprocess

import pytest

from harness.records import Difference, ReviewSummary, Step, Usage, VerdictKind
from harness.reporting.shared.text import cells
from harness.reporting.steps import with_steps
from harness.reporting.terminal.report import Layout, headline, render
from harness.reporting.wording.failure import KEPT
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples
from tests.reporting.terminal.shown import text

KINDS = (VerdictKind.REGRESSED, VerdictKind.PASSED)

RED_IN_80_COLUMNS = """\
RED: 1 regressed, 1 inconclusive, 48 passed
  candidate smollm2-pruned   against smollm2   confidence 0.95
  50 evaluations · 41 s
  12,400 samples asked for (3,300 drawn now, 9,100 from the store)

x regressed     foundation/test_capitals
                0.93 -> 0.71 (-0.28 to -0.16, margin 0.05)
                lower by more than 0.05
                peru   5/5 -> 0/5
                was  "Lima"
                is   "The capital of the"
                why  assert 'Lima' in 'The capital of the'
? inconclusive  evaluation/test_summaries
                0.84 -> 0.81 (-0.09 to +0.03, margin 0.05)
                could be lower by up to 0.09; about 7 more samples a case would
                decide it
  passed        48 evaluations

note    312 of 1,000 answers were cut at max_tokens in foundation/test_capitals
ranges  each bound in brackets holds by itself with 95% confidence

next    steelyard store show peru   # all its answers
next    add cases, or raise --samples where the reason asks for samples. What is
        stored is not drawn again; either is another look, which needs stronger
        evidence
next    pytest --lf suites   # the red ones alone
next    pytest --lf --case=peru suites   # that case alone
report  reports/latest/report.json"""

NO_BASELINE_IN_120_COLUMNS = """\
RED: 1 failed, 1 passed
  candidate smollm2-pruned   confidence 0.95
  2 evaluations · 41 s · 12,400 samples asked for (3,300 drawn now, 9,100 from the store)

x failed        foundation/test_capitals   0.71 (0.65 to 0.77), needs 0.85: 0.90 less the margin 0.05
                below the threshold 0.90
                peru   0/5
                answer  "The capital of the"
                why     no capital
  passed        inference/test_latency   0.412 s (0.390 to 0.440), needs at most 0.550 s: 0.500 and the margin 0.050
                proven below 0.44 s

note    margin 0.05 is the default; set it for an evaluation or the project
ranges  each bound in brackets holds by itself with 95% confidence

next    steelyard store show peru   # all its answers
next    pytest --lf suites   # the red ones alone
next    pytest --lf --case=peru suites   # that case alone
report  reports/latest/report.json"""

ERRORS_IN_60_COLUMNS = """\
RED: 2 errors, 2 passed
  candidate smollm2-pruned   against smollm2
  confidence 0.95
  4 evaluations · 41 s
  12,400 samples asked for (3,300 drawn now, 9,100 from the
  store)

! error         foundation/test_capitals
                - case 'peru': version 'served': no answer
                  from http://127.0.0.1:8000/v1 after 10
                  attempts (200 times)
                - case 'peru': TypeError: 'NoneType' object
                  is not subscriptable
                - case 'chad': KeyError: 'x'
                - and 1 more message in report.json
! error         evaluation/test_summaries
                as above: case 'peru': version 'ser…(+75)
  passed        stage_0/test_00
                0.93 -> 0.93 (-0.06 to +0.06, margin 0.05)
                no worse by more than 0.05
  passed        stage_1/test_01
                0.93 -> 0.93 (-0.06 to +0.06, margin 0.05)
                no worse by more than 0.05

ranges  each bound in brackets holds by itself with 95%
        confidence

next    mend the errors above and run again: completed
        samples are kept (an application whose code is
        mended is asked anew)
report  reports/latest/report.json"""

GREEN_IN_40_COLUMNS = """\
GREEN: 12 passed
  candidate smollm2-topk
  against smollm2   confidence 0.95
  12 evaluations · 41 s
  12,400 samples asked for (3,300 drawn
  now, 9,100 from the store)

  passed all 12 evaluations

report  reports/latest/report.json"""


@pytest.mark.parametrize(
    ("make", "width", "expected"),
    [
        (examples.red, 80, RED_IN_80_COLUMNS),
        (examples.no_baseline, 120, NO_BASELINE_IN_120_COLUMNS),
        (examples.broken, 60, ERRORS_IN_60_COLUMNS),
        (examples.green, 40, GREEN_IN_40_COLUMNS),
    ],
)
def test_a_report_looks_like_this(make, width, expected):
    assert text(make(), width=width) == expected


@pytest.mark.service
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("make", examples.ALL)
def test_no_line_is_wider_than_the_terminal_at_any_width(make, verbosity, encoding):
    for width in [*range(30, 125, 3), 200, 400]:
        for line in render(
            make(), Layout(width=width, encoding=encoding, verbosity=verbosity), "reports/latest/report.json"
        ):
            line.encode(encoding)
            assert cells(line) <= width, (width, line)
            assert line == line.rstrip()
            assert "\x1b" not in line
            assert "\n" not in line


def test_a_terminal_narrower_than_thirty_columns_gets_thirty():
    assert text(examples.red(), width=1) == text(examples.red(), width=30)


def test_colour_changes_nothing_but_colour():
    coloured = text(examples.red(), colour=True)
    assert "\x1b[31mx regressed\x1b[0m" in coloured
    assert "\x1b[33m? inconclusive\x1b[0m" in coloured
    assert "\x1b[1;31mRED: 1 regressed, 1 inconclusive, 48 passed\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text(examples.red())


def test_an_ascii_stream_gets_the_same_report_in_ascii():
    ascii_text = text(examples.red(), encoding="ascii")
    assert ascii_text == RED_IN_80_COLUMNS.replace("·", "-")


def test_passed_evaluations_take_one_line_unless_they_are_few_or_asked_for():
    assert text(examples.green()).count("\n  passed  ") == 1
    assert text(examples.green(), verbosity=1).count("\n  passed  ") == 12
    assert text(examples.report(*examples.passed(5))).count("\n  passed  ") == 5


def test_a_red_gate_of_three_evaluations_takes_forty_lines_and_says_nothing_twice():
    worse = "the answer is only half of what is asked for, and of another city than the case names in its question"
    names = ("suites/a.py::test_orders", "suites/a.py::test_refunds", "suites/a.py::test_greeting")
    moved = [
        examples.change(
            f"case-{n}", 0.0, 1.0, "It is lost.", "It is packed.", name, expected="packed", question="Where is it?",
            candidate_reason=worse, candidate_same=5, baseline_same=4,
        )
        for n, name in enumerate(names)
    ]  # fmt: skip
    reds = [examples.regressed(identity=name, margin_is_default=True) for name in names]
    shown = text(examples.report(*reds, changes=moved))
    assert shown.startswith("RED: 3 regressed\n")
    assert len(shown.splitlines()) <= 40
    assert 'case-0   5/5 -> 0/5   "Where is it?"   expected "packed"\n' in shown
    assert 'was  4 × "It is [-packed-]."\n' in shown
    assert 'is   5 × "It is {+lost+}."\n' in shown
    assert [line for line in shown.splitlines() if "lower by more" in line] == [
        " " * 16 + "lower by more than 0.05"
    ] * 3


def test_of_two_claims_the_one_that_decides_is_shown():
    both = examples.verdict(candidate=0.71, threshold=0.5)
    failed, met = (replace(check, verdict=kind) for check, kind in zip(both.checks, KINDS, strict=True))
    red = replace(both, verdict=VerdictKind.REGRESSED, reason="lower by more than 0.05", checks=(failed, met))
    shown = text(examples.report(red))
    assert "0.93 -> 0.71 (-0.28 to -0.16, margin 0.05)" in shown
    assert "needs" not in shown
    other = replace(red, checks=(replace(failed, verdict=VerdictKind.PASSED), replace(met, verdict=VerdictKind.FAILED)))
    assert "0.93 -> 0.71 (0.65 to 0.77), needs 0.45: 0.50 less the margin 0.05" in text(
        examples.report(other), width=120
    )


def test_the_worst_verdict_is_first_and_the_rest_keeps_its_order():
    verdicts = [
        examples.verdict(kind, identity=f"suites/a/t.py::test_{number}")
        for number, kind in enumerate([*VerdictKind, *VerdictKind])
    ]
    shown = re.findall(r"a/test_(\d)", text(examples.report(*verdicts), verbosity=1, width=200).partition("next")[0])
    assert shown == ["4", "9", "3", "8", "2", "7", "1", "6", "0", "5"]


def test_a_flood_of_red_is_counted_after_fifty_rows():
    report = examples.report(*(examples.regressed(identity=f"suites/a/t.py::test_{i}") for i in range(60)))
    assert "  and 10 more that did not pass; -v shows all, so does the report" in text(report)
    assert "more that did not pass" not in text(report, verbosity=1)
    assert headline(report) == "RED: 60 regressed"


def test_the_line_of_passed_ones_says_how_many_are_worse_within_their_margin_or_require_nothing():
    within = examples.verdict(
        candidate=0.91, identity="a.py::a", reason="no worse by more than 0.05; lower, within margin"
    )
    within = replace(
        within, checks=(replace(within.checks[0], difference=Difference(-0.02, 0.01, -0.04, -0.01, 0.01, "t")),)
    )
    bare = examples.verdict(baseline=None, identity="a.py::b", reason="nothing required")
    report = examples.report(within, bare, *examples.passed(10))
    assert "  passed        all 12 evaluations (1 worse, within margin, 1 with nothing required)" in text(
        report, width=90
    )


def test_a_green_run_shows_no_changes():
    report = examples.report(*examples.passed(2), changes=examples.CHANGES)
    assert "peru" not in text(report)


def test_an_inconclusive_gate_that_warns_says_that_it_passes():
    report = examples.report(examples.inconclusive(), exit_code=0)
    assert headline(report) == "INCONCLUSIVE: 1 inconclusive (exit code 0: --inconclusive warn)"


ADD_OR_RAISE = (
    "add cases, or raise --samples where the reason asks for samples. What is stored is not drawn again; either is "
    "another look, which needs stronger evidence"
)

RAISE = (
    "raise --samples, and in the marker, which CI reads (max_samples too, if set). What is stored is not drawn again; "
    "it is another look, which needs stronger evidence"
)

ADD = "add cases: they are bet on where these ended, and it stays the same look"


def test_what_would_decide_is_what_helps_the_claim_that_is_open():
    suite, left = {"about": "suite", "suite_size": 200}, {"about": "suite", "suite_size": 300}
    bets = {"about": "population", "design": "sequential", "suite_size": 200}
    one = examples.report(examples.inconclusive(**suite))
    assert examples.steps(one) == [f"pytest suites --samples 8   # {RAISE}"]
    assert with_steps(replace(one, command=None)).steps == (Step("", RAISE),)
    assert examples.steps(examples.report(examples.inconclusive(**bets))) == [ADD]
    assert examples.steps(examples.report(examples.inconclusive(**left))) == [
        "raise max_samples, so that all cases are drawn: it stays the same look"
    ]
    mixed = examples.report(examples.inconclusive(**suite), examples.inconclusive(**bets), examples.inconclusive())
    assert examples.steps(mixed) == [
        f"pytest suites --samples 8   # about these cases: {RAISE}",
        f"about cases like these, fixed: {ADD_OR_RAISE}",
        f"about cases like these: {ADD}",
    ]


def test_a_case_that_is_sampled_until_it_is_decided_needs_more_samples_at_most():
    suite = examples.inconclusive()
    single = replace(suite, design="sequential", cases=(examples.case("peru", 0.8),))
    alone, both = (examples.steps(examples.report(*entries)) for entries in ((single,), (single, suite)))
    assert alone == ["raise max_samples: what is stored is not drawn again"]
    assert both[1:] == ["for single cases raise max_samples: what is stored is not drawn again"]


def test_a_run_of_nothing_says_so():
    assert headline(examples.nothing()) == "no evaluation was run"


def test_an_interrupted_run_is_no_red_one_and_says_how_far_it_came():
    stopped = [examples.interrupted(n, 300, identity=f"suites/a/t.py::test_{n}") for n in (100, 250)]
    report = examples.report(*examples.passed(3), *stopped)
    assert headline(report) == "INTERRUPTED: 350 of 600 samples, 2 undecided, 3 passed"
    assert examples.steps(report) == ["run again to go on from there (without --fresh)"]
    both = examples.report(*stopped, replace(stopped[0], metric="f1"))
    assert headline(both).startswith("INTERRUPTED: 350 of 600 samples"), "an evaluation counts once"
    assert "\x1b[1;33mINTERRUPTED: " in text(report, colour=True)


def test_a_run_that_was_interrupted_after_something_regressed_is_red():
    report = examples.report(examples.interrupted(100, 300), examples.regressed(identity="a.py::b"))
    assert headline(report) == "RED: 1 interrupted after 100 of 300 samples, 1 regressed"
    assert "run again to go on from there (without --fresh)" in examples.steps(report)


def test_an_error_beside_an_interruption_is_to_be_mended_first():
    report = examples.report(examples.interrupted(100, 300), examples.error("KeyError: 'x'", identity="a.py::b"))
    assert headline(report) == "RED: 2 errors"
    assert examples.steps(report) == [f"mend the errors above and run again: {KEPT}"]


def test_a_reason_that_needs_more_than_a_line_is_shown_whole():
    told = (
        "a content filter of the endpoint withheld the rest of the answer (finish_reason 'content_filter'); "
        "assert 'Lima' in 'The capital'"
    )
    report = examples.red()
    changed = replace(report.changes[0], candidate_reason=told)
    for width in (80, 50):
        shown = text(replace(report, changes=(changed,)), width=width)
        assert told in " ".join(shown.split())
        assert max(map(cells, shown.splitlines())) <= width


def test_skipped_cases_are_counted_and_for_both_versions_only_where_there_are_two():
    alone = examples.verdict(baseline=None, n_skipped=4)
    assert "note    4 cases skipped\n" in text(examples.report(alone, baseline=None))
    assert "note    4 cases skipped, for candidate and baseline alike\n" in text(examples.undecided())


def test_the_samples_of_this_run_and_of_the_store_are_counted():
    report = examples.report(*examples.passed(1), usage=replace(examples.red().usage, stored_samples=0))
    assert "1 evaluation · 41 s · 3,300 samples asked for, all drawn now" in text(report)
    shared = examples.report(*examples.passed(1), usage=replace(examples.red().usage, shared_samples=600))
    expected = "13,000 samples asked for (3,300 drawn now, 9,100 from the store, 600 shared by equal questions)"
    assert expected in text(shared, width=140)


def test_the_header_tells_samples_and_blocks_apart():
    usage = replace(examples.red().usage, measured_blocks=20, stored_samples=9_104, stored_blocks=4)
    told = text(examples.report(*examples.passed(1), usage=usage))
    assert "12,380 samples asked for (3,280 drawn now, 9,100 from the store)" in told
    assert "24 blocks asked for (20 measured now, 4 from the store)" in told
    alone = text(examples.report(*examples.passed(1), usage=Usage(model_calls=24, measured_blocks=24)))
    assert "24 blocks asked for, all measured now" in alone
    assert "samples" not in alone.splitlines()[2]


def test_ranges_are_not_explained_where_no_figure_has_any():
    """As of an evaluation that ended in an error."""
    nothing = replace(examples.estimate(0.93), low=-math.inf, high=math.inf)
    known = replace(examples.error("KeyError: 'x'"), candidate=nothing, baseline=nothing, n_cases=48, n_samples=240)
    shown = text(examples.report(known), width=200)
    assert "0.93" not in shown
    assert "ranges" not in shown


def test_a_threshold_is_told_once():
    met = examples.verdict(candidate=0.97, baseline=None, threshold=0.9, reason="proven above 0.85")
    shown = text(examples.report(met, baseline=None), width=160)
    assert "0.97 (0.91 to 1.03), needs 0.85: 0.90 less the margin 0.05   proven above 0.85\n" in shown
    assert shown.count("0.90") == 1


def test_before_the_first_label_there_is_no_difference_to_show():
    nothing = Difference(math.nan, math.inf, -math.inf, math.inf, 1.0, "no label to decide by")
    entry = examples.verdict(VerdictKind.INCONCLUSIVE, difference=nothing)
    entry = replace(entry, checks=(), review=ReviewSummary("1f0c", "uncertain", 0, 0, 20, 300.0))
    text = "\n".join(render(examples.report(entry), Layout(width=160)))
    assert "no label yet" in text
    assert "n/a" not in text
    assert "no spread" not in text


def test_a_copied_command_runs_with_all_of_its_words_at_any_width():
    given = ("suites/foundation", "--candidate", "a version", "--baseline", "smollm2", "--samples=10", "-k", "it's 1")
    steps = [step for step in with_steps(replace(examples.red(), command=given)).steps if step.command]
    for width in (80, 50, 200):
        lines = render(replace(examples.red(), steps=steps), Layout(width=width))
        pasted = "\n".join(line[8:] for line in lines[lines.index("") :] if line.startswith(("next", " " * 8)))
        pasted = pasted[pasted.index("steelyard") :]
        words = "".join(f"{name}() {{ printf '<%s>' {name} \"$@\"; echo; }}\n" for name in ("pytest", "steelyard"))
        done = subprocess.run(["sh", "-c", words + pasted], capture_output=True, text=True, check=True)
        wanted = ["".join(f"<{word}>" for word in shlex.split(each.command)) for each in steps]
        assert done.stdout.splitlines() == wanted


def test_an_error_or_a_case_of_several_evaluations_is_told_once():
    why = "python (new): shop:new returned {}: 'turns' is no field of an answer. Put what else there is into metadata."
    error, texts = examples.broken().evaluations[0], [f"{why} ({n} bodies ended so, such as 'a')" for n in (660, 429)]
    broken = [replace(error, id=f"suites/t.py::test_{n}", errors=(told,)) for n, told in enumerate(texts)]
    shown = text(examples.report(*broken))
    assert shown.count("Put what else") == 1
    assert "as above: python (new): shop:new" in shown
    reds = [replace(examples.regressed(), id=f"suites/t.py::test_{n}") for n in "ab"]
    changes = [replace(examples.CHANGES[0], evaluation_id=each.id, metric=each.metric) for each in reds]
    shown = text(examples.report(*reds, changes=changes))
    assert shown.count('is   "The capital of the"') == 1
    assert "peru   5/5 -> 0/5   as above" in shown
