import pytest

CASES = [{"id": f"bridge-{n}", "passage": f"Bridge {n} was built in 1932 and spans the harbour."} for n in range(60)]


@pytest.mark.evaluation(cases=CASES, threshold=0.7, margin=0.1)
async def test_faithful(model, case, judge):
    answer = await model.ask(f"Sum up: {case.passage}")
    return await judge.rate(answer, rubric="evals/summaries/rubric.md", case=case)
