import pytest


@pytest.mark.evaluation(cases="evals/prose.jsonl", samples=1, threshold=0.2, margin=0.05)
async def test_near_its_teacher(distillation, case):
    return (await distillation.compare(case.text)).kl
