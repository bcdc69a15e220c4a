from __future__ import annotations

import json
import math

import jsonschema
import pytest

from harness.errors import SettingsError
from harness.records import (
    Aggregate,
    CaseResult,
    Interruption,
    JudgeSummary,
    ReviewSummary,
    Usage,
    VersionRef,
)
from harness.records.report_json import from_json, read_report, schema, to_json
from harness.reporting.shared.files import write_report
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples

TOP_KEYS = {
    "schema_version", "run_id", "created", "exit_code", "verdict", "confidence_level", "candidate", "baseline", "usage",
    "evaluations",
}  # fmt: skip
USAGE_KEYS = {
    "model_calls", "http_requests", "stored_samples", "prompt_tokens", "completion_tokens", "wall_s", "shared_samples",
    "cost", "flops", "measured_blocks", "stored_blocks", "failed_samples",
}  # fmt: skip
EVALUATION_KEYS = {
    "id", "metric", "requirement", "verdict", "reason", "threshold", "margin", "n_cases", "n_samples", "candidate",
    "baseline", "difference", "samples_needed", "labels_needed", "cases",
}  # fmt: skip
ESTIMATE_KEYS = {"value", "standard_error", "low", "high", "method"}


def test_the_keys_are_those_that_were_promised():
    document = to_json(examples.red())
    evaluation = document["evaluations"][-1]
    assert set(document) >= TOP_KEYS
    more = {"changes", "judges", "n_unreached", "budget", "best_of", "skipped", "notes", "from_store", "losses"}
    more |= {"command", "steps", "waivers", "anchor"}
    assert set(document) - TOP_KEYS == more
    assert set(document["usage"]) == USAGE_KEYS
    version_keys = {"name", "fingerprint", "model", "answered_as", "n_documents", "commit", "printed_lines"}
    assert set(document["candidate"]) == version_keys
    assert set(evaluation) >= EVALUATION_KEYS
    assert set(evaluation["candidate"]) == ESTIMATE_KEYS
    assert set(evaluation["difference"]) == ESTIMATE_KEYS | {"p_value"}
    assert set(evaluation["cases"][0]) == {"id", "n", "candidate", "baseline", "state"}
    assert [case["state"] for case in evaluation["cases"]] == ["broken", "flaky", "flaky", "stable"]


@pytest.mark.service
@pytest.mark.parametrize("make", examples.ALL)
def test_every_report_follows_the_published_schema(make, tmp_path):
    jsonschema.Draft202012Validator.check_schema(schema())
    document = json.loads(write_report(make(), tmp_path).read_text(encoding="ascii"))
    jsonschema.Draft202012Validator(schema()).validate(document)


@pytest.mark.parametrize("make", [make for make in examples.ALL if make is not examples.hostile])
def test_what_was_written_reads_back_equal(make, tmp_path):
    assert read_report(write_report(make(), tmp_path)) == make()


def test_the_unanswered_requests_of_a_pair_of_blocks_come_back():
    pair = CaseResult("pair-0", 1, 7.5, 8.0, "stable", unanswered=-0.25)
    kept = examples.report(examples.verdict(in_blocks=True, cases=(pair,)))
    document = to_json(kept)
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["evaluations"][0]["cases"][0]["unanswered"] == -0.25
    assert from_json(document) == kept


def test_reading_a_folder_reads_the_report_in_it(tmp_path):
    write_report(examples.green(), tmp_path)
    assert read_report(tmp_path) == examples.green()


def test_hostile_text_comes_back_with_lone_surrogates_replaced(tmp_path):
    report = read_report(write_report(examples.hostile(), tmp_path))
    assert report.candidate.name == examples.HOSTILE.replace("\ud800", "\ufffd")
    assert report.changes[0].candidate_answer == (examples.HOSTILE * 10_000).replace("\ud800", "\ufffd")


def test_the_file_is_ascii_with_a_line_for_each_evaluation(tmp_path):
    text = write_report(examples.hostile(), tmp_path).read_bytes().decode("ascii")
    assert "\\ud800" not in text
    lines = write_report(examples.red(), tmp_path).read_text().splitlines()
    assert sum(line.startswith('    {"id": "suites/') for line in lines) == 50


def test_a_number_that_is_not_finite_is_null_and_reads_back_as_nan():
    verdict = examples.verdict()
    estimate = replace(verdict.candidate, standard_error=math.nan, low=-math.inf, high=math.inf)
    document = to_json(examples.report(replace(verdict, candidate=estimate)))
    written = document["evaluations"][0]["candidate"]
    assert (written["standard_error"], written["low"], written["high"]) == (None, None, None)
    json.dumps(document, allow_nan=False)
    assert math.isnan(from_json(document).evaluations[0].candidate.low)


def test_numbers_of_numpy_become_plain_numbers():
    np = pytest.importorskip("numpy")
    usage = Usage(np.int64(3), np.int32(0), 0, 0, 0, np.float32(1.5))
    verdict = replace(
        examples.verdict(), n_cases=np.int64(7), margin=np.float64(0.05), margin_is_default=np.bool_(True)
    )
    document = to_json(examples.report(verdict, usage=usage))
    assert json.loads(json.dumps(document["usage"]))["model_calls"] == 3
    assert (document["usage"]["wall_s"], document["evaluations"][0]["n_cases"]) == (1.5, 7)
    assert document["evaluations"][0]["margin_is_default"] is True


def test_a_case_has_a_cluster_only_where_it_does_not_stand_alone():
    cases = (replace(examples.case("a", 1.0), cluster="x\ud800"), examples.case("b", 1.0))
    document = to_json(examples.report(examples.verdict(cases=cases)))
    assert [case.get("cluster") for case in document["evaluations"][0]["cases"]] == ["x\ufffd", None]
    assert "cluster" not in document["evaluations"][0]["cases"][1]
    assert [case.cluster for case in from_json(document).evaluations[0].cases] == ["x\ufffd", None]


def test_keys_of_a_later_minor_version_are_left_aside():
    document = {**to_json(examples.green()), "new_key": 1}
    document["evaluations"][0]["another"] = 2
    assert from_json(document) == examples.green()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version 2; this Steelyard reads up to 1"),
        ({"schema_version": None}, "no report of Steelyard"),
        ({"verdict": "fine"}, "'fine' is not a valid VerdictKind"),
        ({"evaluations": None}, "can't be read"),
        ({"candidate": {"name": "a"}}, "lacks the key 'fingerprint'"),
    ],
)
def test_a_report_that_is_none_is_refused_with_the_reason(change, message):
    with pytest.raises(SettingsError, match=message):
        from_json({**to_json(examples.green()), **change})


def test_a_file_that_is_not_json_is_named(tmp_path):
    path = tmp_path / "report.json"
    with pytest.raises(SettingsError, match=r"report\.json can't be read: No such file"):
        read_report(path)
    path.write_text('{"schema_version": 1,')
    with pytest.raises(SettingsError, match=r"report\.json is not valid JSON: .*line 1"):
        read_report(path)


def test_a_report_file_that_is_a_folder_is_refused_and_nothing_is_left(tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(SettingsError, match=r"report\.json can't be written: Is a directory"):
        write_report(examples.green(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_report_replaces_the_one_before_and_leaves_no_other_file(tmp_path):
    write_report(examples.red(), tmp_path)
    write_report(examples.green(), tmp_path)
    assert read_report(tmp_path) == examples.green()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_report_that_fails_half_way_leaves_the_one_before(tmp_path):
    write_report(examples.green(), tmp_path)
    bad = replace(examples.red(), run_id=object())
    with pytest.raises(AttributeError):
        write_report(bad, tmp_path)
    assert read_report(tmp_path) == examples.green()
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def undescribed(value, rule, definitions, place="report"):
    """The keys of a document that its schema says nothing about."""
    if "$ref" in rule:
        rule = definitions[rule["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in rule:
        rule = next((each for each in rule["anyOf"] if each.get("type") != "null"), rule)
        return undescribed(value, rule, definitions, place)
    if isinstance(value, dict):
        known = rule.get("properties", {})
        found = [f"{place}.{key}" for key in value if key not in known]
        nested = (undescribed(each, known[key], definitions, key) for key, each in value.items() if key in known)
        return [*found, *(name for names in nested for name in names)]
    if isinstance(value, list):
        return [name for each in value for name in undescribed(each, rule.get("items", {}), definitions, place)]
    return []


def test_the_published_schema_describes_every_key():
    document = to_json(examples.red())
    review = ReviewSummary("b", "uncertain", 1, 0, 2, 3.0)
    judge = JudgeSummary("j", 3, 1, 0.1, examples.estimate(0.1), examples.estimate(0.5))
    entry = replace(
        examples.regressed(threshold=0.9),
        review=review,
        judges=(judge,),
        aggregates=(Aggregate("bleu", 0.3, 0.4),),
        interruption=Interruption(1, 2),
        cases=(CaseResult("peru", 5, 0.2, 0.4, "flaky", "page 1"),),
    )
    whole = to_json(replace(examples.report(entry, changes=examples.CHANGES), judges=(VersionRef("j", "f"),)))
    published = schema()
    for each in (document, whole):
        assert undescribed(each, published, published["$defs"]) == []
    assert undescribed({"surprise": 1, "usage": {"bill": 2}}, published, published["$defs"]) == [
        "report.surprise",
        "usage.bill",
    ]
