"""A body is given what production answered to what it asks, and nothing else. A watch says "changed" for a fall, "could
not measure" where half is unknown, and "unchanged" otherwise.
"""

from datetime import UTC, datetime

import numpy as np
import pytest

from harness.errors import UsageError
from harness.gate.traffic.watching import ScoredSample, answer_in, level_of, watch_samples
from harness.records import Case, Plan, Request

DAY_S = 86_400.0
TURNS = [("system", "Be kind."), ("user", "Hi?"), ("assistant", "Hello."), ("user", "When?")]


def as_messages(turns):
    return tuple({"role": role, "content": text} for role, text in turns)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ([("user", "When?")], "Soon."),
        ([("system", "Another."), ("user", "When?")], "Soon."),
        (TURNS[1:], "Soon."),
        ([("user", "Hi?")], None),
        ([("user", "Hi?"), ("assistant", "Hey."), ("user", "When?")], None),
    ],
)
def test_the_answer_is_the_one_to_the_turns_that_are_asked(asked, answer):
    sample = Case({"id": "a", "prompt": "When?", "messages": as_messages(TURNS), "output": "Soon."})
    assert answer_in(sample, Request(messages=as_messages(asked))) == answer
    assert answer_in(sample, Request(kind="completion", prompt="When?")) is None


def at(days):
    return datetime.fromtimestamp(days * DAY_S, UTC).isoformat()


def stream(rates, a_day=50, seed=1, name="score", **fields):
    """Samples of days with these rates of 1."""
    rng = np.random.default_rng(seed)
    known = {"session": "", "is_skipped": False, "reason": None} | fields
    return [
        ScoredSample(f"{day}-{n}", at(day + n / a_day), scores={name: float(rng.random() < rate)}, **known)
        for day, rate in enumerate(rates)
        for n in range(a_day)
    ]


def lost(samples):
    return [each._replace(scores=None) for each in samples]


def watched(samples):
    return watch_samples(samples, 0.85, 90.0)


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


@pytest.mark.parametrize("unmeasured", [slice(1000), slice(1825, 2000)])
def test_half_that_could_not_be_measured_of_all_or_of_the_last_week_is_told_apart_from_a_change(unmeasured):
    samples = stream([0.95] * 40)
    samples[unmeasured] = lost(samples[unmeasured])
    report = watched(samples)
    assert (report["verdict"], report["exit_code"]) == ("could not measure", 8)


def test_nothing_at_all_could_not_be_measured():
    for samples in ([], lost(stream([0.9])), [each._replace(is_skipped=True) for each in lost(stream([0.9]))]):
        assert watched(samples)["exit_code"] == 8


def test_a_session_of_a_day_is_one_observation():
    samples = [each._replace(session=f"s{n // 5}") for n, each in enumerate(stream([0.9] * 4))]
    assert watched(samples)["metrics"]["score"]["observations"] == 40
    assert watched([each._replace(session="s") for each in samples])["metrics"]["score"]["observations"] == 4


def test_each_metric_has_a_share_of_the_false_alarms():
    pairs = zip(stream([0.95] * 5), stream([0.95] * 5, seed=2, name="other"), strict=True)
    report = watched([one._replace(scores={**one.scores, **other.scores}) for one, other in pairs])
    assert {name: own["limit"] for name, own in report["metrics"].items()} == {"score": 180, "other": 180}


@pytest.mark.parametrize(
    ("plan", "level", "message"),
    [(Plan(), None, "the evaluation has no threshold"), (Plan(threshold=0.9), 0.0, "is not between 0 and 1")],
)
def test_without_a_level_nothing_is_watched(plan, level, message):
    assert level_of(Plan(threshold=0.9, margin=0.05), None) == pytest.approx(0.85)
    with pytest.raises(UsageError, match=message):
        level_of(plan, level)
