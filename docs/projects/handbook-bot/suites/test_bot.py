import pytest

from harness import checks


@pytest.mark.evaluation(cases="evals/questions.jsonl", margin=0.1, samples=1)
def test_answers(model, case):
    return checks.contains(model.ask(case.prompt), case.expected)


@pytest.mark.evaluation(cases="evals/questions.jsonl", margin=0.1, samples=1)
def test_finds_the_passage(model, case):
    found = [passage["id"] for passage in model.chat(case.prompt).context]
    return checks.recall_at(found, [case.passage], k=3)
