"""Each form of a trace is read, as real clients wrote it; what is of no use is counted; cases are drawn with known
probabilities, without personal data.
"""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from harness.errors import CaseError
from harness.gate.traffic.traces import Traces, clean_cases, draw_cases
from harness.records import Case

EXPORTS = Path(__file__).parent / "exports"
ASKED = ("system", "You are a shop's assistant."), ("user", "Where is order 7?")
TALKS = [
    [*ASKED, ("assistant", "It is on its way.")],
    [*ASKED, ("assistant", "It is on its way."), ("user", "When?"), ("assistant", "Tomorrow.")],
    [ASKED[0], ("user", "Can I return a lamp?"), ("assistant", "Sorry, no.")],
]
LINE = {"id": "a", "time": "2026-11-24T10:00:00Z", "prompt": "Hi?", "output": "Hello."}


@pytest.fixture
def read(tmp_path):
    def call(*entries, **options):
        texts = [each if isinstance(each, str) else json.dumps(each) for each in entries]
        (tmp_path / "traces.jsonl").write_text("\n".join(texts) + "\n", encoding="utf-8")
        traces = Traces([tmp_path / "traces.jsonl"], **options)
        return list(traces), traces.left_out

    return call


def span(attributes):
    """A request of OTLP with a span of these attributes."""
    own = [{"key": name, "value": {"stringValue": text}} for name, text in attributes.items()]
    own = {"spanId": "1", "startTimeUnixNano": "1796144772841360663", "attributes": own}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [own]}]}]}


def turns(sample):
    return [*((each["role"], each["content"]) for each in sample.messages), ("assistant", sample.output)]


@pytest.mark.parametrize(
    ("name", "n_others", "sessions"),
    [
        ("opentelemetry.jsonl", 3, None),
        ("langfuse.jsonl", 3, ["talk-1", "talk-1", "talk-2"]),
        ("langfuse-spans.jsonl", 3, ["talk-1", "talk-1", "talk-2"]),
    ],
)
def test_the_exports_of_real_clients_are_read_whole(name, n_others, sessions):
    """OpenAI's client under OpenTelemetry 1.45, and Langfuse 5.2."""
    traces = Traces([EXPORTS / name])
    samples = list(traces)
    assert [turns(each) for each in samples][:3] == TALKS
    assert traces.left_out == {"another step than a model's answer": n_others}
    assert sessions is None or [each.session for each in samples] == sessions
    assert len({each.id for each in samples}) == len(samples)


def test_a_line_of_json_keeps_its_other_fields_and_its_id(read):
    ((sample,), left_out) = read({**LINE, "session": "s", "language": "de"})
    assert sample.fields == {
        "id": "a",
        "language": "de",
        "prompt": "Hi?",
        "messages": [{"role": "user", "content": "Hi?"}],
        "session": "s",
        "time": "2026-11-24T10:00:00+00:00",
        "output": "Hello.",
    }
    assert left_out == {}


def test_an_id_that_is_missing_comes_from_the_content_and_stays(read):
    bare = {name: value for name, value in LINE.items() if name != "id"}
    ((first,), _), ((second, other), _) = read(bare), read(bare, {**bare, "output": "Bye."})
    assert first.id == second.id != other.id


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('{"id": "b", "prompt"', "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("7", "of an unknown form"),
        ('{"resourceSpans": 3}', "of an unknown form"),
        ({**LINE, "id": "b", "output": " ".strip()}, "without a question or an answer"),
        ({**LINE, "id": "b", "prompt": None}, "without a question or an answer"),
        ({**LINE, "output": "another"}, "twice, by the id"),
        ({**LINE, "id": "b", "time": "yesterday"}, "without a time"),
        (
            {"id": "b", "traceId": "t", "type": "TOOL", "input": "x", "output": "y"},
            "another step than a model's answer",
        ),
    ],
)
def test_what_is_of_no_use_is_counted_and_the_rest_is_used(read, entry, reason):
    samples, left_out = read(LINE, entry, {**LINE, "id": "c"})
    assert ([each.id for each in samples], dict(left_out)) == (["a", "c"], {reason: 1})


def test_half_characters_are_replaced_also_within_a_text_of_json(read):
    answer = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "y\udfff"}]}])
    question = '[{"role": "user", "content": "x\ud800"}]'
    ((sample,), _) = read(span({"gen_ai.input.messages": question, "gen_ai.output.messages": answer}))
    assert turns(sample) == [("user", "x?"), ("assistant", "y?")]


@pytest.mark.parametrize("output", ['{"total":  7}', "[1, 2]", '{"content": "x"}', "{", '"quoted"'])
def test_an_answer_that_is_json_stays_as_it_was_written(read, output):
    ((sample,), _) = read({**LINE, "output": output})
    assert sample.output == output


def test_values_may_be_printed_over_several_lines_or_stand_in_a_list(read):
    samples, left_out = read(json.dumps([LINE, {**LINE, "id": "b"}], indent=2))
    assert ([each.id for each in samples], left_out) == (["a", "b"], {})


@pytest.mark.parametrize("time", [1_795_514_400, 1_795_514_400_000, "1795514400000000000", "2026-11-24T11:00:00+01:00"])
def test_times_are_read_in_seconds_finer_units_or_as_a_date(read, time):
    ((sample,), _) = read({**LINE, "time": None, "timestamp": time})
    assert sample.time == "2026-11-24T10:00:00+00:00"


def test_since_passes_over_and_session_groups_by_a_field(read):
    texts = {"gen_ai.input.messages": "Hi?", "gen_ai.output.messages": "Hello.", "user": "8"}
    old = {**LINE, "id": "b", "time": "2026-11-23T23:59:59.9Z"}
    samples, _ = read({**LINE, "user": 7}, old, span(texts), since=datetime(2026, 11, 24), session="user")
    assert [(each.id, each.session, turns(each)) for each in samples] == [
        (name, session, [("user", "Hi?"), ("assistant", "Hello.")]) for name, session in (("a", "7"), ("1", "8"))
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "human", "content": "When?"}, [("user", "When?")]),
        ({"role": "user", "parts": [{"type": "reasoning", "content": "Hm."}, {"text": "When?"}]}, [("user", "When?")]),
        ({"tools": [], "messages": [{"role": "user", "content": "When?"}]}, [("user", "When?")]),
        ([{"role": "ai", "content": "Hi."}, {"content": "When?"}], [("assistant", "Hi."), ("user", "When?")]),
        ({"order": 7}, [("user", '{"order": 7}')]),
    ],
)
def test_messages_are_read_in_the_forms_that_clients_write(read, message, expected):
    ((sample,), _) = read({**LINE, "prompt": message})
    assert turns(sample) == [*expected, ("assistant", "Hello.")]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CaseError, match=r"none.jsonl can't be read: No such file"):
        list(Traces([tmp_path / "none.jsonl"]))


# -- cases ------------------------------------------------------------------------------------------------------------


def samples(n, prefix="", **fields):
    return [Case({"id": f"{prefix}{i}", "session": "", **fields}) for i in range(n)]


def test_every_sample_is_drawn_as_often_as_its_probability_says():
    """Over 150 sets of ids: 7 of 30 each; the standard error of a share is 0.035."""
    drawn = np.zeros(30)
    for trial in range(150):
        for each in draw_cases(samples(30, f"{trial}-"), 7):
            drawn[int(each["id"].partition("-")[2])] += 1
            assert each["probability"] == 7 / 30
    assert drawn.sum() == 150 * 7
    assert abs(drawn / 150 - 7 / 30).max() < 0.14
    assert draw_cases(samples(30), 7) == draw_cases(samples(30)[::-1], 7)[::-1]


def test_all_are_drawn_of_fewer_than_asked_for_and_none_of_none():
    assert [each["probability"] for each in draw_cases(samples(3), 10)] == [1.0] * 3
    assert draw_cases([], 10) == []


def test_personal_data_is_replaced_everywhere_but_in_the_id():
    (case,) = clean_cases(samples(1, "ann@shop.org ", prompt="I am ann@shop.org", notes=[{"x": "ann@shop.org"}]))
    assert (case["id"], case["prompt"]) == ("ann@shop.org 0", "I am email@example.com")
    assert case["notes"] == [{"x": "email@example.com"}]


def test_what_is_of_one_session_is_a_cluster_without_its_name():
    cases = [*clean_cases([*samples(1), *samples(2, "s", session="ann")])]
    assert [(each["id"], each["cluster"]) for each in cases] == [("0", "0"), ("s0", "s0"), ("s1", "s0")]
    assert all("session" not in each for each in cases)
