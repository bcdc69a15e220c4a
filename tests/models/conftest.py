"""A small random Llama with a byte-level tokenizer, written without torch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import need
from tests.models.asking import Loop

LAYERS = 4
HIDDEN = 128
INNER = 256
HEADS = 4
VOCABULARY = 261

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": HEADS,
    "head_dim": HIDDEN // HEADS,
    "hidden_act": "silu",
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "vocab_size": VOCABULARY,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "dtype": "float32",
}
CHAT_TEMPLATE = (
    "{% for message in messages %}<s>{{ message['role'] }}: {{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<s>assistant:{% endif %}"
)


def make_tensors() -> dict[str, np.ndarray]:
    """Random weights under the names of a LlamaForCausalLM; the same at every call."""
    random = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 0.1, (rows, columns)).astype(np.float32)

    tensors = {
        "model.embed_tokens.weight": matrix(VOCABULARY, HIDDEN),
        "model.norm.weight": np.ones(HIDDEN, np.float32),
        "lm_head.weight": matrix(VOCABULARY, HIDDEN),
    }
    for layer in range(LAYERS):
        block = f"model.layers.{layer}."
        tensors[f"{block}input_layernorm.weight"] = np.ones(HIDDEN, np.float32)
        tensors[f"{block}post_attention_layernorm.weight"] = np.ones(HIDDEN, np.float32)
        for name in "qkvo":
            tensors[f"{block}self_attn.{name}_proj.weight"] = matrix(HIDDEN, HIDDEN)
        tensors[f"{block}mlp.gate_proj.weight"] = matrix(INNER, HIDDEN)
        tensors[f"{block}mlp.up_proj.weight"] = matrix(INNER, HIDDEN)
        tensors[f"{block}mlp.down_proj.weight"] = matrix(HIDDEN, INNER)
    return tensors


def write_tiny_llama(folder: Path) -> Path:
    """Write config, weights, tokenizer and chat template as transformers would."""
    need("safetensors")
    from safetensors.numpy import save_file
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    folder.mkdir(parents=True, exist_ok=True)
    save_file(make_tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    special = ["<pad>", "<s>", "</s>"]
    letters = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), "ab", "bc"]
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("a", "b"), ("b", "c")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def tie(weights: Path) -> Path:
    """The weights with the embedding as the head."""
    from safetensors.numpy import save_file

    tensors = {name: matrix for name, matrix in make_tensors().items() if name != "lm_head.weight"}
    save_file(tensors, weights / "model.safetensors", metadata={"format": "pt"})
    (weights / "config.json").write_text(json.dumps({**CONFIG, "tie_word_embeddings": True}), encoding="utf-8")
    return weights


def write_resized(folder: Path, n_tokens: int) -> Path:
    """The same with more embeddings, which are no token's and foreseen everywhere, or with fewer."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(write_tiny_llama(folder)))
    model.resize_token_embeddings(n_tokens, mean_resizing=False)
    model.lm_head.weight.data[VOCABULARY:] = 2 * model.lm_head.weight.data[97]
    model.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="module")
def run() -> Iterator[Loop]:
    """Runs coroutines in one loop for all tests of a module."""
    with asyncio.Runner() as runner:
        yield Loop(runner)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small random Llama; shared, so never changed by a test."""
    return write_tiny_llama(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="session")
def tiny_tensors() -> dict[str, np.ndarray]:
    """What the small random Llama's weights are."""
    return make_tensors()
