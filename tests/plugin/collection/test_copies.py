"""Cases that are copies of each other, and cases that ask the same, from pytest's side."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

CASES = "[{'id': f'c{i}', 'prompt': ' ' * (i // 4) + f'What comes after {i % 4} in the row?'} for i in range(12)]"
HI = "[{'id': f'c{i}', 'prompt': 'Hi', 'next': f'What is {i}?'} for i in range(200)]"
GREETINGS = {"Hi": {"Hello.": 0.5, "Welcome.": 0.5}}


def suite(project: Project, body: str = "return model.ask(case.prompt) == 'yes'", marker: str = "") -> None:
    project.settings["baseline"] = "only"
    project.module(f"@pytest.mark.evaluation(cases={CASES}{marker})\ndef test_it(model, case):\n    {body}\n")


def test_copies_are_said_at_collection_and_in_every_report(project: Project) -> None:
    suite(project)
    result = project.run()
    result.stdout.fnmatch_lines(
        ["steelyard: *test_it: 12 cases count as 4, for some are copies of others, such as 'c4' of 'c0'; *"]
    )
    entry = project.evaluation()
    assert (entry["n_cases"], entry["n_clusters"], entry["largest_cluster"]) == (12, 4, 3)
    assert entry["clusters_known_by"] == "texts"
    assert {case["id"]: case["cluster"] for case in entry["cases"]}["c7"] == "c3"
    assert "12 cases count as 4, for some are copies of others" in entry["reason"]
    assert "12 cases count as 4" in " ".join((project.path / "reports/latest/report.md").read_text().split())


@pytest.mark.parametrize(
    ("marker", "body"),
    [
        (", cluster=False", "return model.ask(case.prompt) == 'yes'"),
        ("", "return model.ask(f'{case.id}: {case.prompt}') == 'yes'"),
    ],
    ids=["switched off", "the id may be asked about"],
)
def test_cases_are_cases(project: Project, marker: str, body: str) -> None:
    suite(project, body, marker)
    project.run().stdout.no_fnmatch_line("*count as*")
    entry = project.evaluation()
    assert (entry["n_clusters"], entry["clusters_known_by"]) == (12, None)


ALIKE = (
    "[{'id': f'q{i}', 'prompt': f'Is matter{i} in it?', 'page': f'p{i % 4}', "
    "'text': ' '.join(f'w{i % 4}{k}' for k in range(20))} for i in range(12)]"
)


@pytest.mark.parametrize(
    ("marker", "is_told"),
    [(", about='population'", True), (", about='population', cluster='page'", False), (", about='suite'", False)],
)
def test_cases_that_resemble_others_are_told_with_the_field_that_groups_them(
    project: Project, marker: str, is_told: bool
) -> None:
    project.module(f"""
        @pytest.mark.evaluation(cases={ALIKE}, threshold=0.5{marker})
        def test_it(model, case):
            return model.ask(case.prompt) == "yes"
    """)
    stdout = project.run().stdout
    told = ["steelyard: *test_it: 8 of 12 cases resemble others, such as 'q4' of 'q0', *; cluster=\"page\" groups them"]
    (stdout.fnmatch_lines if is_told else stdout.no_fnmatch_line)(told if is_told else "*resemble others*")


@pytest.mark.parametrize("seed", [None, 7])
def test_200_cases_that_begin_with_the_same_prompt_are_200_cases_with_draws_of_their_own(
    project: Project, seed: int | None
) -> None:
    sampling = {} if seed is None else {"sampling": {"seed": seed}}
    project.versions = {"only": {"engine": "scripted", "answers": GREETINGS, "default": "yes", **sampling}}
    project.settings |= {"samples": 2}
    project.module(f"""
        @pytest.mark.evaluation(cases={HI}, design="fixed")
        def test_it(model, case):
            first = model.ask(case.prompt)
            messages = [{{"role": "user", "content": "Hi"}}, {{"role": "assistant", "content": first}}]
            assert model.chat([*messages, {{"role": "user", "content": case.next}}]).text == "yes"
            return first == "Hello."

        @pytest.mark.evaluation(cases={HI}, design="fixed")
        def test_again(model, case):
            return model.ask(case.prompt) == "Hello."
    """)
    project.run()
    told = project.report()
    for entry in told["evaluations"]:
        assert (entry["n_cases"], entry["n_clusters"], entry["largest_cluster"]) == (200, 200, 1)
        assert {case["candidate"] for case in entry["cases"]} == {0.0, 0.5, 1.0}
    first, again = ([case["candidate"] for case in entry["cases"]] for entry in told["evaluations"])
    assert first == again, "two evaluations of the same cases share what they ask alike"
    assert told["usage"]["model_calls"] == 800
    assert told["usage"]["shared_samples"] == 400
