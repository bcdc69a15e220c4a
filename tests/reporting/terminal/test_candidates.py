"""The table of several candidates: who is green, who was not run, and that it folds."""

from harness.reporting.shared.grid import folded
from harness.reporting.terminal.candidates import candidates_table
from tests.reporting import example_reports as examples

GATED = {
    "green": (0, examples.report(examples.verdict(candidate=0.93), *examples.passed(1))),
    "a-test-failed": (1, examples.report(examples.verdict(candidate=0.9312))),
    "open": (8, examples.report(examples.inconclusive(), examples.regressed())),
    "stopped": (2, None),
}


def test_green_is_who_passed_everything_and_one_without_a_report_was_not_run() -> None:
    lines = list(folded(candidates_table(GATED, ["last"]), 100))
    ends = [line.split() for line in lines if line.startswith(("gate", "green", "not run"))]
    assert ends == [["gate", "GREEN", "GREEN", "RED"], ["green", "green"], ["not", "run", "stopped,", "last"]]
    (capitals,) = (line.split()[1:] for line in lines if line.startswith("foundation/test_capitals"))
    assert capitals == ["passed", "0.930", "passed", "0.931", "x", "regressed", "0.710"]


def test_it_folds_where_it_is_too_wide() -> None:
    hostile = {f"{name} {examples.HOSTILE}": each for name, each in GATED.items()}
    lines = list(folded(candidates_table(hostile, []), 80))
    assert max(map(len, lines)) <= 80
    assert not any(sign in line for sign in "\x1b\0\u202e" for line in lines)


def test_where_nothing_was_required_nobody_is_called_green() -> None:
    plain = examples.report(examples.verdict(baseline=None))
    words = " ".join(folded(candidates_table({"one": (0, plain), "other": (0, plain)}, []), 80))
    assert "green" not in words
    assert "wrong" not in words
