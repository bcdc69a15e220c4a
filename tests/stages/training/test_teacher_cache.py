"""What a teacher foretells is kept, and asked for once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.stages.training.sequences import TokenSequence
from harness.stages.training.students import TeacherCache
from tests.libraries import needed

torch = needed("torch")
LONG, SHORT = (TokenSequence(tokens, tokens) for tokens in ((1, 2, 3, 4), (5, 6)))


class Teacher:
    """Foretells a token by the one before it; the rest of a batch is of no account."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.asked: list[Any] = []

    def __call__(self, input_ids: Any, attention_mask: Any) -> Any:
        self.asked.append((input_ids, attention_mask))
        logits = torch.arange(10.0, device=input_ids.device) - input_ids[..., None].float()
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
    assert [each.shape for each in cache.read(SHORT.tokens)] == [(2, 3), (2, 3), (1,)]
    for one, other in zip(cache.read(SHORT.tokens), alone.read(SHORT.tokens), strict=True):
        assert (one == other).all()


def test_a_batch_goes_where_the_teacher_is(tmp_path: Path) -> None:
    teacher = Teacher()
    teacher.device = torch.device("meta")
    with pytest.raises(NotImplementedError, match="meta"):  # what lies there has no values that could be kept
        TeacherCache(tmp_path, 3, 2.0).fill([LONG], lambda: teacher, lambda *_: None)
    assert {each.device for batch in teacher.asked for each in batch} == {teacher.device}


def test_what_is_there_costs_no_teacher(tmp_path: Path) -> None:
    TeacherCache(tmp_path, 3, 2.0).fill([LONG], Teacher, lambda *_: None)

    def refuse() -> Any:
        raise AssertionError("the teacher was loaded")

    assert TeacherCache(tmp_path, 3, 2.0).fill([LONG, LONG], refuse, lambda *_: None) == 0
    with pytest.raises(FileNotFoundError):
        TeacherCache(tmp_path, 3, 2.0).read(SHORT.tokens)
