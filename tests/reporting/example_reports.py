"""Reports to render: what a gate gives on a red, a green and an inconclusive run, and on hostile answers."""

from __future__ import annotations

from harness.records import (
    CaseResult,
    Change,
    Check,
    Difference,
    Estimate,
    Interruption,
    Report,
    Usage,
    Verdict,
    VerdictKind,
    VersionRef,
)
from harness.reporting.steps import complete, step_in_words
from tests.decisions.observations import of_plan, replace

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07\0 \ud800 \u202eGREEN: all passed\u202c\u2066\u200f\r\n\tred 東京 \U0001f1f5\U0001f1ea"
)
CAPITALS = "suites/foundation/test_facts.py::test_capitals"
SUMMARIES = "suites/evaluation/test_summaries.py::test_summaries"

_STATES = {0.0: "broken", 1.0: "stable"}


def estimate(value, half=0.06, method="wilson"):
    return Estimate(value, half / 2, value - half, value + half, method)


def difference(value, half=0.06):
    return Difference(value, half / 1.7, value - half, value + half, 0.004, "paired t, one-sided")


def case(identity, candidate, baseline=None, n=5):
    return CaseResult(identity, n, candidate, baseline, _STATES.get(candidate, "flaky"))


def change(identity, candidate, baseline, answer, other=None, test=CAPITALS, **more):
    """A case to look at, without a baseline where that is None."""
    return Change(
        test, identity, "score", candidate, baseline, 5, answer, other, None if baseline is None else 5, **more
    )


def verdict(
    kind=VerdictKind.PASSED,
    identity=CAPITALS,
    candidate=0.93,
    baseline=0.93,
    reason="",
    threshold=None,
    needed=None,
    **more,
):
    """One evaluation, against a baseline unless that is None, and against a threshold where one is given."""
    against = None if baseline is None else difference(candidate - baseline)
    checks = [] if against is None else [Check("baseline", kind, reason, against, needed)]
    if threshold is not None:
        checks.append(Check("threshold", kind, reason, difference(candidate - threshold)))
        against = against or checks[-1].difference
    fields = of_plan(
        {
            "threshold": threshold,
            "aim": "higher",
            "id": identity,
            "metric": "score",
            "verdict": kind,
            "reason": reason,
            "n_cases": 200,
            "n_samples": 1000,
            "candidate": estimate(candidate),
            "baseline": None if baseline is None else estimate(baseline, 0.03),
            "difference": against,
            "samples_needed": needed,
            "labels_needed": None,
            "cases": (),
            "checks": tuple(checks),
            "is_binary": True,
            **more,
        }
    )
    return Verdict(**fields)


def report(*verdicts, candidate="smollm2-pruned", baseline="smollm2", changes=(), exit_code=None, usage=None):
    worst = max((entry.verdict for entry in verdicts), key=lambda kind: kind.severity, default=VerdictKind.PASSED)
    codes = {VerdictKind.PASSED: 0, VerdictKind.INCONCLUSIVE: 8}
    made = Report(
        run_id="20261124-161500-3f2a",
        created="2026-11-24T16:15:00+00:00",
        exit_code=codes.get(worst, 1) if exit_code is None else exit_code,
        verdict=worst,
        confidence_level=0.95,
        candidate=VersionRef(candidate, "sha256:1f"),
        baseline=None if baseline is None else VersionRef(baseline, "sha256:2e"),
        usage=usage or Usage(3300, 0, 9100, 420_000, 51_000, 41.3),
        evaluations=verdicts,
        changes=tuple(changes),
        command=("suites",),
    )
    return complete(made)


def steps(report):
    """The next steps in words."""
    return [step_in_words(each) for each in report.steps]


def passed(number, **more):
    return [
        verdict(
            identity=f"suites/stage_{position % 6}/test_things.py::test_{position:02}",
            reason="no worse by more than 0.05",
            **more,
        )
        for position in range(number)
    ]


def regressed(**more):
    cases = (case("peru", 0.0, 1.0), case("chad", 0.2, 1.0), case("mali", 0.4, 0.6), case("fiji", 1.0, 1.0))
    return verdict(
        VerdictKind.REGRESSED,
        candidate=0.71,
        **{"reason": "lower by more than 0.05", "cases": cases, "n_truncated": 312, **more},
    )


def error(*messages, **more):
    reason = messages[0] if len(messages) == 1 else f"{messages[0]} (and {len(messages) - 1} more messages)"
    bare = verdict(VerdictKind.ERROR, baseline=None, reason=reason, errors=messages, n_cases=0, n_samples=0, **more)
    return replace(bare, candidate=None)


def interrupted(done, total, **more):
    """An evaluation that its run was stopped in the middle of."""
    message = f"interrupted after {done} of {total} samples; run again to go on from there"
    return error(message, interruption=Interruption(done, total), **more)


def inconclusive(**more):
    return verdict(
        VerdictKind.INCONCLUSIVE,
        identity=SUMMARIES,
        candidate=0.81,
        baseline=0.84,
        needed=1400,
        **{"reason": "could be lower by up to 0.09; about 7 more samples a case would decide it", **more},
    )


CHANGES = (
    change("peru", 0.0, 1.0, "The capital of the", "Lima", candidate_reason="assert 'Lima' in 'The capital of the'"),
    change("chad", 0.2, 1.0, "Chad is a", "N'Djamena"),
    change("mali", 0.4, 0.6, "Mali is a landlocked country in West Africa.", "Bamako.", candidate_reason="Not named."),
    change("fiji", 0.4, 0.6, "a", "b"),
)


def red(greens=48):
    return report(*passed(greens), inconclusive(), regressed(), changes=CHANGES)


def green():
    return report(*passed(12), candidate="smollm2-topk")


def undecided():
    return report(*passed(3), inconclusive(n_skipped=4))


def no_baseline():
    changes = (
        change(
            "peru",
            0.0,
            None,
            "The capital of the",
            candidate_reason="no capital",
        ),
        change("chad", 0.2, None, "Chad is a landlocked country in the north of Africa, and its capital is not Lima."),
    )
    failed = verdict(
        VerdictKind.FAILED,
        candidate=0.71,
        baseline=None,
        threshold=0.9,
        reason="below the threshold 0.90",
        margin_is_default=True,
        cases=(case("peru", 0.0), case("chad", 0.2), case("fiji", 1.0)),
    )
    measured = verdict(identity="suites/inference/test_speed.py::test_latency", candidate=0.6, baseline=None)
    measured = replace(
        measured,
        unit="s",
        higher_is_better=False,
        threshold=0.5,
        is_binary=False,
        candidate=Estimate(0.41237, 0.01, 0.39, 0.44, "t"),
        difference=Difference(-0.0877, 0.01, -0.11, -0.06, 0.001, "t"),
        reason="proven below 0.44 s",
    )
    return report(failed, measured, baseline=None, changes=changes)


def broken():
    messages = [
        "case 'peru': version 'served': no answer from http://127.0.0.1:8000/v1 after 10 attempts (200 times)",
        "case 'peru': TypeError: 'NoneType' object is not subscriptable",
        "case 'chad': KeyError: 'x'",
        "case 'mali': KeyError: 'x'",
    ]
    return report(*passed(2), error(*messages), error(messages[0], identity=SUMMARIES))


def hostile():
    name = f"suites/foundation/test_facts.py::test_capitals[{HOSTILE}]"
    moved = change(
        *("\x1b[31m" + HOSTILE, 0.0, 1.0, HOSTILE * 10_000, "שלום", name),
        candidate_reason=HOSTILE * 100,
        baseline_reason=HOSTILE,
    )
    entry = regressed(identity=name, reason=HOSTILE, errors=(HOSTILE * 1000,), traceback=(HOSTILE, HOSTILE * 100))
    return report(entry, candidate=HOSTILE, changes=[moved])


def unicode_names():
    names = ["東京の首都を答える", "größe[ürün-🇵🇪]", "عاصمة", "capitals[" + "very-long-parameter-" * 6 + "]"]
    return report(*(regressed(identity=f"suites/基礎/test_facts.py::test_{name}") for name in names))


def sixty():
    return report(*passed(30), *(replace(regressed(), id=f"tests/a_{i}/t.py::test_many_{i}") for i in range(30)))


def nothing():
    return report(baseline=None)


ALL = (red, green, undecided, no_baseline, broken, hostile, unicode_names, sixty, nothing)
