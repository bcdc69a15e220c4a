"""How near two texts are, by embedding models made here."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
from pathlib import Path

import pytest

from harness import Score, checks
from harness.errors import CheckError, SettingsError
from harness.requests.bridge import call_body
from harness.scoring.checks import embeddings
from tests.libraries import needed
from tests.models.conftest import write_tiny_llama

needed("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "dog", "sat", "ran", "far"]


def similarity(answer, expected, model):
    return asyncio.run(call_body(lambda: checks.similarity(answer, expected, model=model), {}))


def write_tiny_bert(folder: Path, pooling: dict | None) -> Path:
    """A random BERT with a vocabulary of ten words, as sentence-transformers saves one."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    torch.manual_seed(3)
    settings = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **settings)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16).save_pretrained(folder)
    if pooling is not None:
        kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
        modules = [
            {"idx": i, "path": path, "type": f"sentence_transformers.models.{k}"} for i, (k, path) in enumerate(kinds)
        ]
        (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("embeddings") / "llama")


@pytest.fixture(scope="module")
def bert(tmp_path_factory) -> Path:
    """Pools by the first token."""
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    return write_tiny_bert(tmp_path_factory.mktemp("embeddings") / "bert", pooling)


@pytest.mark.parametrize("which", ["llama", "bert"])
def test_a_text_is_as_near_as_can_be_to_itself_and_less_to_others(which, request) -> None:
    model = request.getfixturevalue(which)
    same, other = similarity("the cat sat", "the cat sat", model), similarity("the cat sat", "dog ran far", model)
    assert same.value == pytest.approx(1, abs=1e-6)
    assert 0 <= other.value < same.value
    assert other.reason == f"cosine {other.value:.3f} with 'dog ran far'"
    assert similarity("dog ran far", "the cat sat", model).value == pytest.approx(other.value, abs=1e-6)


def test_it_is_the_mean_of_the_last_hidden_states_of_a_causal_model(llama) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(llama)
    means = []
    for text in ("the cat", "a dog"):
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[-1]
        means.append(states[0].mean(0))
    expected = torch.nn.functional.cosine_similarity(*means, dim=0).item()
    assert similarity("the cat", "a dog", llama).value == pytest.approx(max(expected, 0), abs=1e-5)


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ({"pooling_mode_cls_token": True}, lambda states: states[0]),
        ({"pooling_mode_mean_tokens": True}, lambda states: states.mean(0)),
        ({"pooling_mode_max_tokens": True}, lambda states: states.max(0).values),
        ({"pooling_mode": "lasttoken", "include_prompt": True}, lambda states: states[-1]),
    ],
)
def test_a_sentence_embedding_model_pools_as_its_folder_says(tmp_path, pooling, pool) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = write_tiny_bert(tmp_path / "bert", pooling)
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        one, other = (
            pool(model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]) for text in ("the cat", "the dog")
        )
    expected = torch.nn.functional.cosine_similarity(one, other, dim=0).item()
    assert similarity("the cat", "the dog", folder).value == pytest.approx(max(expected, 0), abs=1e-5)


def test_the_nearest_of_several_counts(bert) -> None:
    near = similarity("the cat sat", ["dog ran far", "the cat sat"], bert)
    assert near.reason == "cosine 1.000 with 'the cat sat'"


def test_a_text_beyond_the_longest_input_is_cut(bert) -> None:
    assert similarity("the cat " * 500, "the cat " * 400, bert).value == pytest.approx(1, abs=1e-6)


def test_a_model_is_loaded_once(llama) -> None:
    before = embeddings.load_embedder.cache_info().misses
    similarity("one", "two", llama)
    similarity("three", "four", llama)
    assert embeddings.load_embedder.cache_info().misses <= before + 1


def test_an_opposite_is_0_and_a_blank_answer_too(bert) -> None:
    assert similarity(" ", "the cat", bert) == Score(0.0, "the answer is blank")
    values = [similarity(one, other, bert).value for one in WORDS[4:] for other in WORDS[4:]]
    assert all(0 <= value <= 1 and math.isfinite(value) for value in values)


def test_a_model_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"there is no .*absent-embedder"):
        similarity("a", "b", "absent-embedder")


def test_a_folder_that_holds_no_model_is_an_error(tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckError, match="can't be loaded"):
        similarity("a", "b", tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pooling_mode_weightedmean_tokens": True}, "pools by pooling_mode_weightedmean_tokens; known are mean, cls"),
        ({"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}, "pools by cls and max"),
        ({}, "pools by nothing"),
    ],
)
def test_a_pooling_that_is_not_known_is_an_error(tmp_path, bert, change, words) -> None:
    folder = tmp_path / "bert"
    shutil.copytree(bert, folder)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(change), encoding="utf-8")
    with pytest.raises(CheckError, match=words):
        similarity("a", "b", folder)


def test_a_module_that_is_not_known_is_an_error(tmp_path, bert) -> None:
    folder = tmp_path / "bert"
    shutil.copytree(bert, folder)
    modules = [{"path": "2_Dense", "type": "sentence_transformers.models.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(CheckError, match="has the module Dense, which is not known here"):
        similarity("a", "b", folder)
