"""A watch says "changed" for a fall, "could not measure" where half is unknown, and "unchanged" otherwise."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.gate.traffic.scoring import ScoredSample
from harness.gate.traffic.watching import watch_samples
from harness.records import Plan

DAY = 86_400.0
PLAN = Plan(threshold=0.9, margin=0.05)


def stream(rates, a_day=50, seed=1, name="score", **fields):
    """Samples of days with these rates of 1."""
    rng = np.random.default_rng(seed)
    known = {"session": "", "is_skipped": False, "reason": None} | fields
    return [
        ScoredSample(f"{day}-{n}", (day + n / a_day) * DAY, scores={name: float(rng.random() < rate)}, **known)
        for day, rate in enumerate(rates)
        for n in range(a_day)
    ]


def lost(samples):
    return [each._replace(scores=None) for each in samples]


def watched(samples, plan=PLAN, **options):
    return watch_samples(plan, samples, 0.95, **{"days": 90.0, **options})


def test_a_fall_is_shown_with_its_day_and_its_lowest_samples():
    report = watched(stream([1.0] * 20 + [0.6] * 5))
    own = report["metrics"]["score"]
    assert (report["verdict"], report["exit_code"], own["began"]) == ("changed", 1, "1970-01-21")
    assert own["alarm"] in ("1970-01-21", "1970-01-22")
    assert {each["score"] for each in report["lowest"]} == {0.0}
    assert all(each["day"] >= "1970-01-21" for each in report["lowest"])


def test_what_stays_above_the_level_is_unchanged():
    report = watched(stream([0.95] * 30))
    assert (report["verdict"], report["exit_code"], report["metrics"]["score"]["alarm"]) == ("unchanged", 0, None)


def test_more_days_do_not_move_an_alarm():
    samples = stream([0.95] * 10 + [0.6] * 10)
    first, later = (watched(own)["metrics"]["score"] for own in (samples[:650], samples))
    assert (first["alarm"], first["began"], first["evidence"]) == (later["alarm"], later["began"], later["evidence"])


def test_the_order_of_the_files_does_not_matter():
    samples = stream([0.95] * 10 + [0.7] * 3)
    assert watched(samples) == watched(samples[::-1])


@pytest.mark.parametrize("days", [range(10), range(4, 10)])
def test_half_that_could_not_be_measured_of_all_or_of_the_last_week_is_told_apart_from_a_change(days):
    samples = stream([0.95] * 40)
    open_days = {f"1970-02-{day:02}" for day in days}
    report = watched([each if day_of(each) not in open_days else each._replace(scores=None) for each in samples])
    assert (report["verdict"], report["exit_code"]) == ("could not measure", 8)


def day_of(sample):
    return str(np.datetime64(int(sample.time), "s"))[:10]


def test_nothing_at_all_could_not_be_measured():
    for samples in ([], lost(stream([0.9])), [each._replace(is_skipped=True) for each in lost(stream([0.9]))]):
        assert watched(samples)["exit_code"] == 8


def test_a_session_of_a_day_is_one_observation():
    samples = [each._replace(session=f"s{n // 5}") for n, each in enumerate(stream([0.9] * 4))]
    assert watched(samples)["metrics"]["score"]["observations"] == 40
    assert watched([each._replace(session="s") for each in samples])["metrics"]["score"]["observations"] == 4


def test_a_reference_gives_a_level_that_is_proven_less_the_margin():
    report = watched(stream([0.8] * 10 + [0.8] * 10), Plan(margin=0.05), reference=(0.0, 10 * DAY))
    own = report["metrics"]["score"]
    assert 0.68 < own["level"] < 0.75
    assert (own["observations"], report["verdict"]) == (500, "unchanged")


def test_each_metric_has_a_share_of_the_false_alarms():
    pairs = zip(stream([0.95] * 5), stream([0.95] * 5, seed=2, name="other"), strict=True)
    report = watched([one._replace(scores={**one.scores, **other.scores}) for one, other in pairs])
    assert {name: own["limit"] for name, own in report["metrics"].items()} == {"score": 180, "other": 180}


@pytest.mark.parametrize(
    ("plan", "options", "message"),
    [
        (Plan(), {}, "the evaluation has no threshold"),
        (PLAN, {"level": 0.0}, "is not between 0 and 1"),
        (PLAN, {"reference": (900 * DAY, 901 * DAY)}, "--reference has 0 sessions"),
    ],
)
def test_without_a_level_nothing_is_watched(plan, options, message):
    with pytest.raises(UsageError, match=message):
        watched(stream([0.9]), plan, **options)
