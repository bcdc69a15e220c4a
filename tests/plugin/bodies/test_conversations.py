"""Conversations in bodies: with a script, with a simulated user, in `def` and `async def`, and asked only once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

GREETINGS = {"Hi": {"Hello.": 0.5, "Welcome.": 0.5}}


def played(message: str) -> str:
    """What a simulated user says who never has what it wants."""
    return json.dumps({"goal_met": False, "message": message})


def talking(project: Project, body: str, says: str = "Hi", **marker: Any) -> None:
    """A project of six cases, in which two versions greet by chance."""
    project.versions = {
        "new": {"engine": "scripted", "answers": GREETINGS, "default": "Bye."},
        "old": {"base": "new", "seed": 1},
        "user": {"engine": "scripted", "default": played(says)},
    }
    project.settings |= {"candidate": "new", "baseline": "old", "samples": 2, "about": "population"}
    project.body(body, cases=6, design="fixed", **marker)


def entry(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.report()["evaluations"][0]
    return found


def test_conversations_that_begin_alike_are_cases_of_their_own_and_a_rerun_asks_nothing(project: Project) -> None:
    talking(
        project,
        """
        talk = model.converse(["Hi", case.prompt])
        assert [turn["role"] for turn in talk.messages] == ["user", "assistant"] * 2
        assert talk.metadata["ended"] == "script"
        """,
    )
    project.run()
    usage = project.report()["usage"]
    assert (usage["model_calls"], usage["shared_samples"]) == (48, 0), "no case has the greeting of another"
    assert (entry(project)["n_clusters"], entry(project)["largest_cluster"]) == (6, 1)
    project.run()
    assert project.report()["usage"]["model_calls"] == 0


def test_a_simulated_user_is_a_version_that_is_paid_for_and_says_that_it_had_not_enough(project: Project) -> None:
    body = """
        user = harness.SimulatedUser("user", persona="In a hurry.", goal=case.id)
        talk = model.converse(user, turns=2)
        assert talk.metadata["ended"] == "turns"
        return {"calm": 0.5}
        """
    talking(project, body, threshold=0.6)
    project.run()
    told = project.report()
    assert told["usage"]["flops"].keys() == {"new", "old", "user"}
    assert all("goal was not met in 2 turns" in change["candidate_reason"] for change in told["changes"])
    project.run("--offline")
    assert project.report()["usage"]["model_calls"] == 0
    assert entry(project)["candidate"] == told["evaluations"][0]["candidate"]


def test_a_user_that_no_version_plays_is_named_and_a_cost_that_is_not_known_is_refused(project: Project) -> None:
    talking(project, "assert model.converse(harness.SimulatedUser('usr', persona='p', goal='g'))")
    said = " ".join(str(project.run().stdout).split())
    assert "No version named 'usr'. Versions: new, old, user. Did you mean 'user'?" in said
    talking(project, "assert model.converse(harness.SimulatedUser('user', persona='p', goal='g'))")
    for name in ("new", "old"):
        project.versions[name]["price"] = {"input": 1.0, "output": 1.0}
    told = " ".join(str(project.run("--max-cost", "1").stdout).split())
    assert "--max-cost needs the price of every version that is asked, and 'user' has none" in told
