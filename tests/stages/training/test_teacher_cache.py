"""What a teacher foretells is kept on disk."""
"""What a teacher foretells is kept, and asked for once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.stages.training.sequences import TokenSequence
from harness.stages.training.soft_targets import teacher_targets
from harness.stages.training.teacher_cache import TeacherCache

torch = pytest.importorskip("torch")


class Teacher:
    """Foretells by a table: whatever came before, what follows a token is always the same."""

    def __init__(self) -> None:
        self.table = 3 * torch.randn(9, 9, generator=torch.Generator().manual_seed(0))
        self.asked = 0

    def __call__(self, input_ids: Any, attention_mask: Any) -> Any:
        assert input_ids.shape == attention_mask.shape
        self.asked += len(input_ids)
        return SimpleNamespace(logits=self.table[input_ids])


def sequence(*tokens: int) -> TokenSequence:
    return TokenSequence(tokens, tokens)


def test_a_teacher_is_asked_once_for_a_sequence_and_padding_changes_nothing(tmp_path: Path) -> None:
    teacher, cache = Teacher(), TeacherCache(tmp_path / "targets", top_k=4, temperature=2.0)
    told: list[tuple[int, int]] = []
    sequences = [sequence(1, 2, 3), sequence(4, 5), sequence(1, 2, 3)]
    assert cache.fill(sequences, lambda: teacher, lambda *each: told.append(each)) == 2
    assert (teacher.asked, told) == (2, [(2, 2)])
    for tokens in ((1, 2, 3), (4, 5)):
        ids, logprobs = cache.read(tokens)
        expected = teacher_targets(teacher.table[list(tokens)], 4, 2.0)
        assert np.array_equal(ids, expected[0].numpy())
        assert np.allclose(logprobs, expected[1].numpy())


def test_a_second_student_costs_no_teacher(tmp_path: Path) -> None:
    teacher = Teacher()
    TeacherCache(tmp_path, 4, 2.0).fill([sequence(1, 2)], lambda: teacher, lambda *_: None)

    def never() -> Any:
        raise AssertionError("the teacher was loaded")

    assert TeacherCache(tmp_path, 4, 2.0).fill([sequence(1, 2)], never, lambda *_: None) == 0
    assert TeacherCache(tmp_path, 4, 2.0).fill([sequence(1, 2), sequence(3)], lambda: teacher, lambda *_: None) == 1
LONG, SHORT = (TokenSequence(tokens, tokens) for tokens in ((1, 2, 3, 4), (5, 6)))
    """Foretells a token by the one before it; the rest of a batch is of no account."""
        self.asked: list[Any] = []
        self.asked.append((input_ids, attention_mask))
        logits = torch.arange(10.0) - input_ids[..., None].float()
        return SimpleNamespace(logits=logits.abs())
def test_a_sequence_is_asked_for_once_whatever_stands_beside_it(tmp_path: Path) -> None:
    teacher, told = Teacher(), []
    cache = TeacherCache(tmp_path / "kept", 3, 2.0)
    assert cache.fill([LONG, SHORT, LONG], lambda: teacher, lambda done, total: told.append((done, total))) == 2
    assert told == [(2, 2)]
    ((_, mask),) = teacher.asked
    assert mask.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    alone = TeacherCache(tmp_path / "alone", 3, 2.0)
    alone.fill([SHORT], Teacher, lambda *_: None)
    for one, other in zip(cache.read(SHORT.tokens), alone.read(SHORT.tokens), strict=True):
        assert one.shape == (2, 3)
        assert (one == other).all()
def test_what_is_there_costs_no_teacher(tmp_path: Path) -> None:
    TeacherCache(tmp_path, 3, 2.0).fill([LONG], Teacher, lambda *_: None)
    def refuse() -> Any:
    assert TeacherCache(tmp_path, 3, 2.0).fill([LONG, LONG], refuse, lambda *_: None) == 0
    with pytest.raises(FileNotFoundError):
        TeacherCache(tmp_path, 3, 2.0).read(SHORT.tokens)
