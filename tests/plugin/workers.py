"""What workers run."""

from __future__ import annotations

MIXED = """
    CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(30)]

    @pytest.mark.parametrize("n", range(4))
    @pytest.mark.evaluation(cases=CASES, threshold=0.5)
    def test_green(model, case, n):
        return model.ask(f"{case.prompt} {n}") == "yes"

    @pytest.mark.evaluation(cases=CASES, threshold=0.5)
    async def test_red(model, case):
        return await model.ask(case.prompt) == "no"

    @pytest.mark.parametrize("n", range(6))
    def test_plain(n): ...
"""
