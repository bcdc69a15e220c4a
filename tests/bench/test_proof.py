"""The claims of README are those that are measured, with the figures on file."""

from __future__ import annotations

from tests.bench import proof
from tests.bench.sampling import ROOT


def test_the_claims_of_readme_are_those_on_the_page_of_proof_with_the_figures_on_file() -> None:
    for path, text in proof.written().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: make proof ARGS=--recorded"


def test_every_claim_has_figures_and_keeps_what_it_says() -> None:
    for claim in proof.CLAIMS:
        figures = proof.figures_of(claim)
        assert figures
        assert all(each["met"] for each in figures), claim.sentence
