"""A look goes by its own draws of all that its bodies ask, and a baseline never by those that it was promoted by."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.store import Store
from tests.plugin.judges import RATE, judged, says
from tests.plugin.projects import Project
from tests.scoring.judging.panel import rated

pytestmark = pytest.mark.service

__all__ = ["judged"]


def cases(project: Project) -> list[Any]:
    """What each case of the newest run came to."""
    found: list[Any] = project.evaluation()["cases"]
    return found


def look(project: Project) -> tuple[int, str]:
    """Number of the newest look, and why it is not the one before."""
    taken = project.evaluation()["look"]
    return taken["number"], taken["because"]


def calls(project: Project) -> int:
    return int(project.report()["usage"]["model_calls"])


def first_indices(project: Project) -> dict[str, int]:
    """The first index of each version of the newest run."""
    with Store.open(str(project.store), readonly=True) as store:
        spec = store.runs()[-1].spec
    return {role: spec[role]["first_index"] for role in ("candidate", "baseline") if spec.get(role)}


def calls_of_a_part_drawn_anew(project: Project) -> int:
    """How many calls it takes to draw some of the cases anew, which changes nothing of the look that there is."""
    project.run()
    first = cases(project)
    project.run("--fresh", "--case", "c1*")
    n_calls = calls(project)
    project.run()
    assert (cases(project), calls(project), look(project)) == (first, 0, (1, ""))
    return n_calls


# ------------------------------------------------------------------------------------------- what bodies ask besides


@pytest.fixture
def moody(judged: Project, loopback: Callable[..., Any]) -> Project:
    """A project whose judge says 1 or 5 by chance, another time to each question."""
    server = loopback(default={rated(1): 0.5, rated(5): 0.5})
    judged.versions["small"] = {"engine": "openai", **server.settings()}
    judged.versions["other"] = {"base": "small", "revision": "2"}
    judged.body(RATE, cases=20, arguments="model, case, judge", samples=1, design="fixed", threshold=0.9)
    return judged


def test_judgements_that_were_drawn_anew_for_a_part_are_not_those_of_the_look(moody: Project) -> None:
    assert calls_of_a_part_drawn_anew(moody) == 2 * 11


@pytest.mark.parametrize(
    ("options", "because"),
    [(("--judge", "other"), "other judges"), (("--judge", "small,other"), "other judges"), (("--fresh",), "anew")],
    ids=["another", "two", "drawn anew"],
)
def test_other_judgements_are_another_look(moody: Project, options: tuple[str, ...], because: str) -> None:
    moody.run()
    first = cases(moody)
    moody.run(*options)
    assert look(moody)[0] == 2
    assert because in look(moody)[1]
    moody.run()
    assert (cases(moody) == first) == (options != ("--fresh",))
    assert calls(moody) == 0


def test_a_judge_whose_answers_are_too_old_judges_anew_in_another_look(moody: Project) -> None:
    moody.run()
    moody.versions["small"]["max_age"] = "1h"
    with Store.open(str(moody.store)) as store, store._database.write() as connection:
        connection.exec_driver_sql("UPDATE steelyard_generations SET begun = begun - 7200")
    moody.run()
    assert look(moody) == (2, "judged anew")


def test_answers_of_the_bodys_baseline_are_those_of_the_look(project: Project, loopback: Callable[..., Any]) -> None:
    server = loopback(default={"good": 0.5, "bad": 0.5})
    project.versions = {"new": says("good"), "old": {"engine": "openai", **server.settings()}}
    project.settings |= {"candidate": "new", "baseline": "old"}
    lines = "return model.ask(case.prompt) == baseline.ask(case.prompt)"
    project.body(lines, cases=20, arguments="model, baseline, case", samples=1, design="fixed", threshold=0.9)
    assert calls_of_a_part_drawn_anew(project) > 0


def test_turns_of_a_simulated_user_belong_to_the_draws_of_the_version_that_they_are_said_to(
    project: Project, loopback: Callable[..., Any]
) -> None:
    said = {json.dumps({"goal_met": False, "message": text}): 0.5 for text in ("Hi", "Ho")}
    server = loopback(default=said)
    project.versions = {"bot": says("Yes."), "user": {"engine": "openai", **server.settings()}}
    project.settings |= {"candidate": "bot", "samples": 1}
    project.body(
        "user = harness.SimulatedUser('user', 'a guest', case.prompt)\n"
        "return model.converse(user, turns=1).messages[0]['content'] == 'Hi'",
        cases=20,
        design="fixed",
        threshold=0.9,
    )
    assert calls_of_a_part_drawn_anew(project) == 3 * 11
    first = cases(project)
    project.run("--fresh")
    anew = cases(project)
    assert (anew != first, calls(project), look(project)) == (True, 60, (2, "drawn anew"))
    project.run()
    assert (cases(project), calls(project), look(project)) == (anew, 0, (2, "drawn anew"))


# ------------------------------------------------------------------------------------------------- draws of baselines


@pytest.fixture
def promoted(project: Project) -> Project:
    """A project in which C passed a gate against B, and D is as good."""
    project.versions = {name: says("yes", "no") for name in "BCD"}
    for name in "CD":
        project.versions[name]["seed"] = ord(name)
    project.settings |= {"samples": 2, "margin": 0.3}
    project.body("return model.ask(case.prompt) == 'yes'", cases=20, design="fixed")
    project.run("--candidate", "C", "--baseline", "B")
    return project


def test_a_baseline_is_drawn_once_as_one_and_never_weighed_by_what_promoted_it(promoted: Project) -> None:
    promoting = [case["candidate"] for case in cases(promoted)]
    promoted.run("--candidate", "D", "--baseline", "C")
    assert calls(promoted) == 2 * 40
    assert first_indices(promoted) == {"candidate": 0, "baseline": 1_000_000}
    assert [case["baseline"] for case in cases(promoted)] != promoting
    promoted.run("--candidate", "D", "--baseline", "C")
    assert calls(promoted) == 0
    promoted.versions["E"] = {"base": "D", "system": "Be brief."}
    promoted.run("--candidate", "E", "--baseline", "C")
    assert calls(promoted) == 40, "the baseline's are there"


def test_what_is_drawn_for_a_baseline_is_drawn_as_one(promoted: Project) -> None:
    promoted.run("--candidate", "C", "--for-baseline")
    assert (calls(promoted), first_indices(promoted)) == (20 * 20, {"candidate": 1_000_000})
    promoted.run("--candidate", "D", "--baseline", "C")
    assert calls(promoted) == 40
    assert promoted.evaluation()["look"]["number"] == 1


def test_draws_for_a_baseline_are_another_look_at_a_threshold(promoted: Project) -> None:
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=20, design="fixed", threshold=0.9)
    promoted.run("--candidate", "D", "--baseline", "none")
    promoted.run("--candidate", "D", "--for-baseline", "--samples", "2")
    assert look(promoted) == (2, "drawn anew")


def test_a_version_against_its_own_recording_is_another_look_at_a_threshold(
    promoted: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=20, design="fixed", threshold=0.9)
    promoted.run("--candidate", "D", "--baseline", "none")
    monkeypatch.chdir(promoted.path)
    assert CliRunner().invoke(main, ["baseline", "record", "--name", "own"]).exit_code == 0
    promoted.run("--candidate", "D", "--baseline", "own")
    assert (calls(promoted), first_indices(promoted)["candidate"]) == (40, 1_000_000)
    assert look(promoted)[0] == 2


def test_a_run_notes_the_draws_that_each_evaluation_went_by(promoted: Project) -> None:
    promoted.run("--candidate", "D", "--baseline", "C")
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=19, design="fixed")
    promoted.run("--candidate", "D", "--baseline", "C")
    with Store.open(str(promoted.store), readonly=True) as store:
        before, now = (run.spec["baseline"]["draws"] for run in store.runs()[-2:])
    assert ([*before.values()], [*now.values()]) == ([[0]], [[1]])


def test_a_version_in_two_roles_begins_one_generation(promoted: Project) -> None:
    promoted.run("--candidate", "C", "--baseline", "C")
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=19, design="fixed")
    promoted.run("--candidate", "C", "--baseline", "C")
    assert look(promoted)[0] == 2
    with Store.open(str(promoted.store), readonly=True) as store:
        spec = store.runs()[-1].spec
        assert [*spec["candidate"]["draws"].values()] == [*spec["baseline"]["draws"].values()] == [[1]]
        assert store.generations(spec["candidate"]["fingerprint"]) == (1, 0)


@pytest.mark.parametrize("against", ["B", "none"])
def test_what_would_be_drawn_anew_is_refused_offline_before_it_is_a_look(promoted: Project, against: str) -> None:
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=20, design="fixed", threshold=0.9)
    promoted.run("--candidate", "C", "--baseline", against)
    first, looks = cases(promoted), n_looks(promoted)
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=19, design="fixed", threshold=0.9)
    result = promoted.run("--candidate", "C", "--baseline", against, "--offline")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--offline draws nothing, and cases that were seen were changed, left out*"])
    assert n_looks(promoted) == looks
    promoted.body("return model.ask(case.prompt) == 'yes'", cases=20, design="fixed", threshold=0.9)
    promoted.run("--candidate", "C", "--baseline", against, "--offline")
    assert (cases(promoted), calls(promoted)) == (first, 0)


def n_looks(project: Project) -> tuple[int, int]:
    """How many looks and generations the store has."""
    with Store.open(str(project.store)) as store, store._database.read() as connection:
        looks, begun = (
            connection.exec_driver_sql(f"SELECT count(*) FROM steelyard_{name}").scalar_one()
            for name in ("looks", "generations")
        )
    return int(looks), int(begun)


def test_offline_says_that_samples_are_too_old(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=20, threshold=0.9)
    project.run()
    project.versions["only"]["max_age"] = "1h"
    with Store.open(str(project.store)) as store, store._database.write() as connection:
        connection.exec_driver_sql("UPDATE steelyard_generations SET begun = begun - 7200")
    told = project.run("--offline")
    assert told.ret == pytest.ExitCode.USAGE_ERROR
    told.stderr.fnmatch_lines(["*or their samples are older than max_age, so that all would be drawn anew*"])
