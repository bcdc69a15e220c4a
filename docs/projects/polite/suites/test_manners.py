import pytest

from harness import checks

CASES = [{"id": str(n), "prompt": f"What is {n} + {n}?"} for n in range(40)]


@pytest.mark.evaluation(cases=CASES, threshold=0.9)
def test_it_is_polite(model, case):
    return checks.polite(model.ask(case.prompt))
