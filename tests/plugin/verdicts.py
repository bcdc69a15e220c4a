"""Projects of each outcome."""

from __future__ import annotations

RED_AND_GREEN = """
    CASES = [{"id": f"c{i}", "prompt": f"q{i}"} for i in range(40)]

    @pytest.mark.evaluation(cases=CASES, threshold=0.5)
    def test_green(model, case):
        model.ask("q")
        return True

    @pytest.mark.evaluation(cases=CASES, threshold=0.5)
    def test_red(model, case):
        model.ask("q")
        return False

    @pytest.mark.evaluation(cases=CASES, threshold=0.9, about="population")
    def test_open(model, case):
        model.ask("q")
        return int(case.id[1:]) % 10 != 0

    @pytest.mark.evaluation(cases=CASES, threshold=0.9)
    def test_broken(model, case):
        model.ask("q")
        raise OSError("no route")

    @pytest.mark.evaluation(cases=CASES)
    def test_free(model, case):
        model.ask("q")
        return 0.3

    def test_plain(): ...

    def test_plainly_wrong():
        assert 1 == 2
"""
