"""Each form of a trace is read, as real clients wrote it; what is of no use is counted by its reason."""

import json
from pathlib import Path

import pytest

from harness.errors import CaseError
from harness.gate.traffic.traces import Traces, read_messages

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


def turns(sample):
    return [(each["role"], each["content"]) for each in sample.messages]


@pytest.mark.parametrize(
    ("name", "n_others", "sessions"),
    [
        ("opentelemetry.jsonl", 3, None),
        ("console.json", 1, ["talk-1", "talk-1", "talk-2"]),
        ("langfuse.jsonl", 3, ["talk-1", "talk-1", "talk-2"]),
        ("langfuse-spans.jsonl", 3, ["talk-1", "talk-1", "talk-2"]),
    ],
)
def test_the_exports_of_real_clients_are_read_whole(name, n_others, sessions):
    """OpenAI's client under OpenTelemetry 1.45, older attributes and events on its console, and Langfuse 5.2."""
    traces = Traces([EXPORTS / name], is_timed=True)
    samples = list(traces)
    assert [turns(each) for each in samples][:3] == TALKS
    assert traces.left_out == {"another step than a model's answer": n_others}
    assert sessions is None or [each.session for each in samples] == sessions
    assert len({each.id for each in samples}) == len(samples)


def test_a_line_of_json_keeps_its_other_fields_and_its_id(read):
    ((sample,), left_out) = read({**LINE, "session": "s", "language": "de"})
    assert sample.case.fields == {
        "id": "a",
        "language": "de",
        "prompt": "Hi?",
        "messages": [{"role": "user", "content": "Hi?"}],
        "session": "s",
        "time": "2026-11-24T10:00:00+00:00",
    }
    assert (sample.output, left_out) == ("Hello.", {})


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
    samples, left_out = read(LINE, entry, {**LINE, "id": "c"}, is_timed=True)
    assert ([each.id for each in samples], dict(left_out)) == (["a", "c"], {reason: 1})


def test_half_characters_are_replaced_also_within_a_text_of_json(read):
    answer = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "y\udfff"}]}])
    attributes = {"gen_ai.input.messages": '[{"role": "user", "content": "x\ud800"}]', "gen_ai.output.messages": answer}
    ((sample,), _) = read({"context": {"span_id": "1"}, "attributes": attributes})
    assert turns(sample) == [("user", "x?"), ("assistant", "y?")]


@pytest.mark.parametrize("output", ['{"total":  7}', "[1, 2]", '{"content": "x"}', "{", '"quoted"'])
def test_an_answer_that_is_json_stays_as_it_was_written(read, output):
    ((sample,), _) = read({**LINE, "output": output})
    assert sample.output == output


@pytest.mark.parametrize("time", [1_795_514_400, 1_795_514_400_000, "1795514400000000000", "2026-11-24T11:20:00+01:00"])
def test_times_are_read_in_seconds_finer_units_or_as_a_date(read, time):
    ((sample,), _) = read({**LINE, "time": None, "timestamp": time})
    assert sample.time == pytest.approx(1_795_515_600 if isinstance(time, str) and "T" in time else 1_795_514_400)


def test_since_passes_over_and_session_groups_by_a_field(read):
    samples, _ = read({**LINE, "user": 7}, {**LINE, "id": "b", "time": 5}, since=100.0, session="user")
    assert [(each.id, each.session) for each in samples] == [("a", "7")]


def test_a_trace_of_langfuse_without_texts_has_its_generations(read):
    inner = {"id": "g", "type": "GENERATION", "startTime": LINE["time"], "input": "Hi?", "output": "Hello."}
    ((sample,), _) = read({"id": "t", "timestamp": LINE["time"], "sessionId": "s", "observations": [inner]})
    assert (sample.id, sample.session) == ("g", "s")


def test_calls_are_kept_and_thoughts_are_no_text():
    parts = [
        {"type": "reasoning", "content": "Let me see."},
        {"type": "tool_call", "id": "1", "name": "look_up", "arguments": {"order": 7}},
    ]
    (message,) = read_messages([{"role": "assistant", "parts": parts}], "assistant")
    called = {"name": "look_up", "arguments": '{"order": 7}'}
    assert message["tool_calls"] == [{"id": "1", "type": "function", "function": called}]
    assert message["content"] == ""


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CaseError, match=r"none.jsonl can't be read: No such file"):
        list(Traces([tmp_path / "none.jsonl"]))
