"""Records of judging: the rule of a score, the work of a judge for one body, and its sum over an evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records.estimates import Estimate


@dataclass(frozen=True, slots=True)
class ScoringRule:
    """By whom and by what rule a score was given: two scores with different ones are not of the same kind.

    Attributes:
        judges: the fingerprints of the judging versions.
        rubric: digest of the rubric, or the name of the metric that stands for one.

    >>> str(ScoringRule(("0a1b", "2c3d"), "4e5f"))
    '0a1b+2c3d/4e5f'
    >>> ScoringRule.parse("0a1b+2c3d/4e5f").judges
    ('0a1b', '2c3d')
    """

    judges: tuple[str, ...]
    rubric: str

    def __str__(self) -> str:
        return f"{'+'.join(self.judges)}/{self.rubric}"

    @classmethod
    def parse(cls, text: str) -> ScoringRule:
        """Read a rule that `str` wrote."""
        judges, _, rubric = text.partition("/")
        return cls(tuple(judges.split("+")), rubric)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The work of one judge for one call of a body.

    Attributes:
        judge: the judging version's name.
        n_answers: answers that it gave, those that were asked for again included.
        n_malformed: answers of these that followed neither form nor scale.
        values: in [0, 1], one for each repeat that gave a score; empty for a preference.
        flip: share of the pairs whose two orders disagree; None for a rating.
        first_wins: how often the answer shown first was preferred, a tie being a half; None for a rating.
        is_complete: whether every question got an answer in its form, at the second attempt if not at the first.
    """

    judge: str
    n_answers: int
    n_malformed: int = 0
    values: tuple[float, ...] = ()
    flip: float | None = None
    first_wins: float | None = None
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class JudgeSummary:
    """The work of one judge in an evaluation.

    Attributes:
        name: the judging version.
        n_answers, n_malformed: as of a `Judgement`, over all bodies that count.
        noise: how much the judge varies by itself: the standard deviation of its repeats on one answer, in units of the
            score; None where nothing was repeated.
        flip: share of preferences that changed with the order of the answers, or None.
        first_wins: how often the answer shown first was preferred; 0.5 is no bias of position. None for ratings.
    """

    name: str
    n_answers: int
    n_malformed: int = 0
    noise: float | None = None
    flip: Estimate | None = None
    first_wins: Estimate | None = None
