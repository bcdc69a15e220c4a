"""One window of requests over all evaluations of a session, seen by the server that answers them."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.loopback import Fault
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


@pytest.fixture
def served(project: Project, loopback):
    """`served(echo=True)`: the project's only version is a loopback server with these options."""

    def start(**options):
        server = loopback(**options)
        project.versions["only"] = {"engine": "openai", **server.settings()}
        return server

    return start


def prompts(server) -> Counter[str]:
    """How often each prompt was asked, by its last message."""
    return Counter(body["messages"][-1]["content"] for body in server.received)


def test_one_window_spans_all_evaluations(project: Project, served) -> None:
    server = served(together=8, latency_s=0.05)
    project.module("""
        @pytest.fixture(scope="session")
        def own():
            yield 1

        @pytest.mark.parametrize("n", range(12))
        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}], samples=3)
        async def test_it(model, case, own, n):
            assert await model.ask(f"{n} {case.id}")
    """)
    assert project.run("--concurrency", "8").ret == 0
    assert server.stats["max_in_flight"] == 8
    assert server.stats["requests"] == 24


def test_samples_of_a_case_are_one_request_with_n_choices(project: Project, served) -> None:
    server = served()
    project.body("assert model.ask(case.prompt)", cases=4, samples=5)
    assert project.run().ret == 0
    assert [body.get("n") for body in server.received] == [5, 5, 5, 5]
    assert project.report()["usage"]["http_requests"] == 4
    assert project.report()["usage"]["model_calls"] == 20


@pytest.mark.parametrize("option", ["ignore_n", "reject_n"])
def test_endpoint_without_n_is_asked_for_each_sample(project: Project, served, option: str) -> None:
    server = served(**{option: True}, answers={"q0": {"yes": 0.5, "no": 0.5}})
    project.body("return model.ask(case.prompt) == 'yes'", cases=1, samples=30)
    assert project.run().ret == 0
    assert server.stats["choices"] == 30
    assert 0 < project.score() < 1
    assert project.stored() == 30


def test_at_temperature_0_each_sample_is_a_request(project: Project, served) -> None:
    server = served()
    project.versions["only"]["sampling"] = {"temperature": 0}
    project.body("assert model.ask(case.prompt)", cases=2, samples=3)
    assert project.run().ret == 0
    assert server.stats["requests"] == 6
    assert all(body.get("n", 1) == 1 for body in server.received)


def test_same_prompt_of_two_evaluations_is_asked_once(project: Project, served) -> None:
    server = served()
    project.module("""
        CASES = [{"id": "a", "prompt": "q"}]

        @pytest.mark.evaluation(cases=CASES, samples=3)
        async def test_one(model, case):
            assert await model.ask(case.prompt)

        @pytest.mark.evaluation(cases=CASES, samples=3)
        def test_two(model, case):
            assert model.ask(case.prompt)
    """)
    assert project.run().ret == 0
    assert server.stats["choices"] == 3


def test_more_samples_draw_only_what_is_missing(project: Project, served) -> None:
    server = served()
    project.body("assert model.ask(case.prompt)", cases=2)
    project.run("--samples", "3")
    project.run("--samples", "5")
    assert [body["n"] for body in server.received] == [3, 3, 2, 2]
    assert project.stored() == 10


def test_body_that_asks_twice_gets_two_draws(project: Project, served) -> None:
    server = served(answers={"q0": {"yes": 0.5, "no": 0.5}})
    project.body("return model.ask(case.prompt) == model.ask(case.prompt)", cases=1, samples=40)
    assert project.run().ret == 0
    assert server.stats["choices"] == 80
    assert 0.2 < project.score() < 0.8
    first = project.score()
    project.run("--offline")
    assert project.score() == first


def test_version_against_itself_draws_two_sets(project: Project, served) -> None:
    server = served(answers={f"q{i}": {"yes": 0.5, "no": 0.5} for i in range(10)})
    project.body("return model.ask(case.prompt) == 'yes'", cases=10, samples=4, margin=0.5)
    project.run("--candidate", "only", "--baseline", "only")
    entry = project.evaluation()
    assert server.stats["choices"] == 80
    assert any(case["candidate"] != case["baseline"] for case in entry["cases"])


@pytest.mark.nightly
@pytest.mark.parametrize(
    "change",
    [
        {"system": "Be brief."},
        {"template": "Question: {prompt}"},
        {"sampling": {"temperature": 0.5}},
        {"sampling": {"max_tokens": 3}},
        {"revision": "2"},
        {"model": "other"},
    ],
    ids=str,
)
def test_changed_version_never_gets_anothers_samples(project: Project, served, change: dict) -> None:
    server = served()
    project.body("assert model.ask(case.prompt)", cases=3, samples=2)
    project.run()
    project.run()
    assert server.stats["choices"] == 6
    project.versions["only"] |= change
    project.run()
    assert server.stats["choices"] == 12
    assert project.report()["usage"]["stored_samples"] == 0


def test_changed_body_and_expectation_ask_nothing_again(project: Project, served) -> None:
    server = served(default="yes")
    project.body("assert model.ask(case.prompt) == 'yes'", cases=3, samples=2)
    project.run()
    asked = server.stats["choices"]
    project.body("assert model.ask(case.prompt) == 'no'", cases=3, samples=2)
    project.run()
    assert (server.stats["choices"], project.score()) == (asked, 0.0)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["503", "429", "drop", "not-json", "no-choices", "truncated"])
def test_failed_requests_are_sent_again_and_never_scored(project: Project, served, kind: str) -> None:
    server = served(default="yes", faults=(Fault(kind, attempts=1),))
    project.body("return model.ask(case.prompt) == 'yes'", cases=6, samples=1)
    assert project.run().ret == 0
    assert (server.stats["faults"], project.score()) == (6, 1.0)
    usage = project.report()["usage"]
    assert (usage["http_requests"], usage["model_calls"]) == (12, 6)


def test_request_that_an_endpoint_refuses_is_an_error_of_its_case(project: Project, served) -> None:
    served(faults=(Fault("400", first=1),))
    project.body("assert model.ask(case.prompt)", cases=4, samples=1)
    assert project.run("--concurrency", "1").ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert project.stored() == 3


def test_key_of_an_endpoint_is_nowhere(project: Project, served, monkeypatch: pytest.MonkeyPatch) -> None:
    served(api_key="sesame-opens")
    monkeypatch.setenv("KEY_OF_TEST", "sesame-opens")
    project.versions["only"]["api_key_env"] = "KEY_OF_TEST"
    project.body("assert model.ask(case.prompt)", cases=2, samples=1)
    result = project.run("-vv", "--junitxml", "junit.xml")
    assert result.ret == 0
    for file in [*(project.path / ".steelyard").iterdir(), *(project.path / "reports").rglob("*.json")]:
        assert b"sesame" not in file.read_bytes()
    assert "sesame" not in str(result.stdout)
