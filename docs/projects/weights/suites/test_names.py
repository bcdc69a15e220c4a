import pytest

NAMES = [{"id": name, "name": name} for name in ("Łódź", "Nuku'alofa", "São  Tomé", "東京")]


@pytest.mark.evaluation(cases=NAMES, threshold=1.0, margin=0.001)
def test_names_come_back(weights, case):
    tokens = weights.tokenizer.disassemble(case.name)
    assert tokens.is_lossless, f"comes back as {tokens.decoded!r}"


@pytest.mark.evaluation(cases=NAMES, threshold=0.9, margin=0.1)
def test_names_are_short(weights, case):
    return len(weights.tokenizer.encode(case.name)) <= len(case.name.encode())
