"""`steelyard store show` tells every answer of a case, and none of them can harm a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.records import Request
from harness.store import Store
from tests.cli.conftest import Run
from tests.store.rows import draw, key_of, score

VERSIONS = {
    "candidate": {"name": "close", "fingerprint": "f0", "first_index": 0},
    "baseline": {"name": "good", "fingerprint": "f0", "first_index": 1_000_000},
}


@pytest.fixture
def place(folder: Path) -> Path:
    """Run "r1" with two answers of each version to the case "peru", and a later run "r2" of other cases."""
    path = folder / ".steelyard" / "store.db"
    with Store.open(str(path)) as store:
        store.add([draw("Peru?", "Lima", 0), draw("Peru?", "Quito\x1b[31m\nor so", 1, finish_reason="length")])
        store.add([draw("Peru?", "Lima!", 1_000_000), draw("Peru?", "Lima?", 1_000_001)])
        store.begin_run("r1", "2026-11-24T16:15:00Z", VERSIONS)
        key, why = key_of("Peru?"), {"reason": "no capital", "assertion": "assert 'Lima' in 'Quito'"}
        store.add_scores("r1", [score(sample_key=key, role="baseline", index=index) for index in (0, 1)])
        store.add_scores(
            "r1", [score(sample_key=key), score(index=1, value=0.0, outcome="failed", sample_key=key, **why)]
        )
        store.add_scores("r1", [score(metric="brevity", value=0.25, sample_key=key)])
        store.finish_run("r1", {"verdict": "failed", "exit_code": 1})
        store.begin_run("r2", "2026-11-25T16:15:00Z", VERSIONS)
        store.add_scores("r2", [score("chad", value=None, outcome="error", reason="KeyError: 'x'"), score("fiji")])
        store.finish_run("r2", {"verdict": "error", "exit_code": 1})
    return path


SHOWN = """\
run r1   2026-11-24T16:15:00Z

suites/test_capitals.py::test_capitals
  candidate close
    asked  Peru?
    sample  score            answer
         0  1  brevity 0.25  "Lima"
         1  failed           "Quito\\x1b[31m⏎or so"  (cut at max_tokens)
                             no capital
  baseline good
    asked  Peru?
    sample  score  answer
         0  1      "Lima!"
         1  1      "Lima?"
"""


def test_the_newest_run_that_has_the_case_is_shown(run: Run, place: Path) -> None:
    assert run("store", "show", "peru").output == SHOWN
    assert run("store", "show", "peru", "--run", "good").exit_code == 4  # r2 is the newest of that version


def test_a_long_answer_is_folded_below_itself(run: Run, folder: Path) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.add([draw("Peru?", "Lima, " * 30, 0)])
        store.begin_run("r1", "2026-11-24T16:15:00Z", VERSIONS)
        store.add_scores("r1", [score(sample_key=key_of("Peru?"))])
        store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    lines = run("store", "show", "peru").output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("         0  1      "))
    assert max(map(len, lines)) <= 80
    assert len(lines) > first + 1
    assert not any(line[:19].strip() for line in lines[first + 1 :])


def test_a_run_is_chosen_by_its_id(run: Run, place: Path) -> None:
    assert run("store", "show", "peru", "--run", "r1", "--store", str(place)).output == SHOWN


def test_a_body_that_asked_nothing_has_no_answer_and_an_error_no_score(run: Run, place: Path) -> None:
    lines = run("store", "show", "chad").output.splitlines()
    assert lines[-2:] == ["         0  error  no answer", "                   KeyError: 'x'"]


def test_json_has_the_answers_whole(run: Run, place: Path) -> None:
    document = json.loads(run("store", "show", "peru", "--json").output)
    assert (document["run_id"], document["case"], len(document["answers"])) == ("r1", "peru", 4)
    assert document["answers"][1] == {
        "evaluation_id": "suites/test_capitals.py::test_capitals",
        "role": "candidate",
        "version": "close",
        "sample_index": 1,
        "scores": {"score": 0.0},
        "outcome": "failed",
        "reasons": {"score": "no capital"},
        "assertion": "assert 'Lima' in 'Quito'",
        "asked": "Peru?",
        "answer": "Quito\x1b[31m\nor so",
        "finish_reason": "length",
    }


def test_what_an_application_told_is_shown(run: Run, folder: Path) -> None:
    passages = ({"id": "hours", "text": "At nine."}, {"id": "stock", "text": "On Mondays."})
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.add(
            [
                draw("When?", "Nine.", context=passages, cost=0.25, metadata={"route": 1}),
                draw("When?", "Hm.", 1, context=()),
            ]
        )
        store.begin_run("r1", "2026-11-24T16:15:00Z", VERSIONS)
        store.add_scores("r1", [score("when", index=index, sample_key=key_of("When?")) for index in (0, 1)])
        store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    lines = [line.strip() for line in run("store", "show", "when").output.splitlines()]
    assert lines[-6:] == [
        '0  1      "Nine."',
        "from  hours, stock",
        "cost  0.25",
        'metadata  {"route": 1}',
        '1  1      "Hm."',
        "from  nothing",
    ]
    told = json.loads(run("store", "show", "when", "--json").output)["answers"][0]
    assert (told["context"], told["cost"]) == (list(passages), 0.25)


def test_versions_that_differ_in_their_system_text_are_told_apart(run: Run, folder: Path) -> None:
    asked = ({"role": "user", "content": "Peru?"},)
    told = ({"role": "system", "content": f"Be brief.\n{'x' * 500}"}, *asked)
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        for name, index, messages in (("told", 0, told), ("plain", 1_000_000, asked)):
            store.add([replace(draw(name, "Lima", index), request=Request(messages=messages))])
        store.begin_run("r1", "2026-11-24T16:15:00Z", VERSIONS)
        store.add_scores("r1", [score(sample_key=key_of("told")), score(sample_key=key_of("plain"), role="baseline")])
        store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    lines = [line.strip() for line in run("store", "show", "peru").output.splitlines()[3:]]
    end = lines.index("asked   Peru?")
    assert lines[1].startswith("system  Be")
    assert lines[end - 1].endswith("x…(+117)")
    answers = ["sample  score  answer", '0  1      "Lima"']
    assert [*lines[:1], *lines[end + 1 :]] == ["candidate close", *answers, "baseline good", "asked  Peru?", *answers]
    answers = json.loads(run("store", "show", "peru", "--json").output)["answers"]
    assert [each.get("system") for each in answers] == [told[0]["content"], None]


def test_the_turns_of_a_conversation_are_shown_with_the_calls(run: Run, folder: Path) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "today", "arguments": "{}"}}
    asked = (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Which year?"},
        {"role": "assistant", "content": "2026."},
        {"role": "user", "content": "Which day?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "Monday"},
    )
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        talks = {"short": asked, "long": asked[1:] * 10}
        for name, messages in talks.items():
            store.add([replace(draw(name, "It is Monday."), request=Request(messages=messages))])
        store.begin_run("r1", "2026-11-24T16:15:00Z", VERSIONS)
        store.add_scores("r1", [score(case, sample_key=key_of(case)) for case in talks])
        store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    lines = [line.strip() for line in run("store", "show", "short").output.splitlines()]
    assert lines[-9:] == [
        "asked  Which day?",
        "sample  score  answer",
        '0  1      "It is Monday."',
        "system: Be brief.",
        "user: Which year?",
        "assistant: 2026.",
        "user: Which day?",
        "assistant: tool call: today({})",
        "tool: Monday",
    ]
    (told,) = json.loads(run("store", "show", "short", "--json").output)["answers"]
    assert told["messages"][-2:] == [asked[-1], {"role": "assistant", "content": "It is Monday."}]
    assert "38 turns before these: --json has them all" in run("store", "show", "long").output


@pytest.mark.parametrize("tells_all", [True, False])
def test_what_an_application_did_before_it_answered_is_shown_once(run: Run, folder: Path, tells_all: bool) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "today", "arguments": "{}"}}
    asked = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Which day?"},
    )
    new = ({"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "content": "Monday"})
    told = {"messages": (*asked, *new) if tells_all else new, "tool_calls": (call,)}
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.add([replace(draw("day", "It is Monday.", **told), request=Request(messages=asked))])
        store.begin_run("r1", "2026-11-24T16:15:00Z", VERSIONS)
        store.add_scores("r1", [score("day", sample_key=key_of("day"))])
        store.finish_run("r1", {"verdict": "passed", "exit_code": 0})
    lines = [line.strip() for line in run("store", "show", "day").output.splitlines()]
    assert lines[-6:] == [
        '0  1      "It is Monday."',
        "user: Hi",
        "assistant: Hello.",
        "user: Which day?",
        "assistant: tool call: today({})",
        "tool: Monday",
    ]


@pytest.mark.service
def test_an_answer_that_was_pruned_is_said_to_be_missing(run: Run, place: Path) -> None:
    run("store", "prune", "--version", "f0", "--yes")
    run("store", "prune", "--version", "good", "--yes")
    assert "         0  1  brevity 0.25  no answer" in run("store", "show", "peru").output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("perv",), "Run r2: No case named 'perv'. Cases: fiji."),
        (("perv", "--run", "r1"), "Run r1: No case named 'perv'. Cases: peru. Did you mean 'peru'?"),
        (("peru", "--run", "r9"), "No stored run or version is called 'r9'"),
    ],
)
def test_what_is_not_there_is_a_usage_error_that_names_what_is(
    run: Run, place: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("store", "show", *arguments)
    assert result.exit_code == 4
    assert message in result.output


def test_of_many_cases_a_few_are_named(run: Run, folder: Path) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.begin_run("r1", "2026", VERSIONS)
        store.add_scores("r1", [score(f"c{number:03}") for number in range(60)])
    assert "No case named 'x' among 60, such as c000, c001, c002, c003, c004." in run("store", "show", "x").output


def test_the_cases_are_those_of_the_newest_run_that_has_some(run: Run, place: Path) -> None:
    with Store.open(str(place)) as store:
        store.begin_run("r3", "2026-11-24T16:00:00Z", {"candidate": {"name": "small"}})
    assert "Run r2: No case named 'perv'. Cases: fiji." in run("store", "show", "perv").output


def test_a_store_without_a_run_says_so(run: Run, folder: Path) -> None:
    Store.open(str(folder / ".steelyard" / "store.db")).close()
    assert "holds no run yet" in run("store", "show", "x").output
