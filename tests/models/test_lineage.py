"""What a version was made of, the first made first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config.artifacts import Artifact, Unbuilt
from harness.config.customization import AdapterSettings, BuildStep, Customization, DistilledSettings, RetrievalSettings
from harness.config.settings import Settings, load_settings
from harness.config.versions import VersionSettings
from harness.models.adapters.adapter_files import TRAINED_ON
from harness.models.description.description import describe_weights
from harness.models.lineage import LineageSources, LineageStep, differences, read_lineage
from tests.models.adapters.adapters import change_config, write_adapter_head
from tests.models.description.made import copy_of, set_config, write_gguf

SETTINGS = """
[models.whole]
engine = "transformers"
weights = "{weights}"
[models.pruned]
base = "whole"
drop_layers = [1]
[models.cooler]
base = "pruned"
sampling = {{ temperature = 0.2 }}
[models.same]
base = "whole"
"""


PAIRS = {"rag": "whole", "more": "rag", "fewer": "more", "cold": "rag", "tuned": "whole", "again": "tuned"}


def settings(folder: Path, weights: Path, more: str = "") -> Settings:
    (folder / "steelyard.toml").write_text(SETTINGS.format(weights=weights) + more, encoding="utf-8")
    return load_settings(folder)


def lineage(found: Settings, name: str) -> tuple[LineageStep, ...]:
    weights = describe_weights(found.version(name).engine_options, found.root)
    return read_lineage(LineageSources(found.versions, weights, root=found.root), name)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def test_each_base_is_a_step_with_what_its_own_table_asks_for(tiny_llama: Path, tmp_path: Path) -> None:
    steps = lineage(settings(tmp_path, tiny_llama), "cooler")
    assert [step.made for step in steps] == ["tiny", "whole", "the same without layer 1", "pruned", "cooler"]
    assert [step.of for step in steps[1:]] == [("tiny",), ("whole",), ("the same without layer 1",), ("pruned",)]
    assert steps[0].by == "saved in F32"
    assert steps[3].by == "the settings: drop_layers = [1]"
    assert steps[4].by == "the settings: sampling.temperature = 0.2"
    assert lineage(settings(tmp_path, tiny_llama), "same")[-1].by == "the settings: no difference"


def test_another_engine_is_a_difference(tiny_llama: Path, tmp_path: Path) -> None:
    found = settings(tmp_path, tiny_llama, '[models.served]\nbase = "whole"\nengine = "vllm"\n')
    assert differences(found.version("served"), found.version("whole")) == {"engine": "vllm"}
    assert lineage(found, "served")[-1].by == "the settings: engine = 'vllm'"


def test_what_is_rounded_is_made_of_the_base_as_its_table_left_it(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    steps = lineage(settings(tmp_path, path, '[models.small]\nbase = "pruned"\nquantized = "int8"'), "small")
    assert [(step.made, step.of) for step in steps[2:]] == [
        ("a folder of safetensors in BF16", ("m.gguf",)),
        ("whole", ("a folder of safetensors in BF16",)),
        ("the same without layer 1", ("whole",)),
        ("pruned", ("the same without layer 1",)),
        ("the same rounded to int8", ("pruned",)),
        ("small", ("the same rounded to int8",)),
    ]


@pytest.mark.parametrize(
    ("first", "second", "made"),
    [
        ('quantized = "int8"', 'quantized = "fp8"', "the same rounded to fp8"),
        ("drop_layers = [2]", "drop_layers = [1]", "the same without layer 1"),
    ],
)
def test_what_a_version_replaces_of_its_base_is_no_step(
    tiny_llama: Path, tmp_path: Path, first: str, second: str, made: str
) -> None:
    """The weights of both were told, and one had been made of the other's in no way."""
    more = f'[models.one]\nbase = "whole"\n{first}\n[models.two]\nbase = "one"\n{second}'
    steps = lineage(settings(tmp_path, tiny_llama, more), "two")
    assert [(step.made, step.of) for step in steps[1:]] == [
        ("whole", ("tiny",)),
        ("one", ("whole",)),
        (made, ("tiny",)),
        ("two", ("one", made)),
    ]


def test_what_can_not_be_made_of_the_base_is_made_of_the_files_anew(tmp_path: Path) -> None:
    """Another type of the converted folder, or another file, goes back behind the layers that the base left out."""
    path = write_gguf(tmp_path / "m.gguf")
    steps = lineage(settings(tmp_path, path, '[models.exact]\nbase = "pruned"\ndtype = "float32"'), "exact")
    assert [(step.made, step.of) for step in steps[-3:]] == [
        ("a folder of safetensors in F32", ("m.gguf",)),
        ("the same without layer 1", ("a folder of safetensors in F32",)),
        ("exact", ("pruned", "the same without layer 1")),
    ]


def test_files_of_a_base_with_other_weights_are_not_told(tiny_llama: Path, tmp_path: Path) -> None:
    other = copy_of(tiny_llama, tmp_path / "other")
    more = f'[models.moved]\nbase = "whole"\nweights = "{other}"'
    steps = lineage(settings(tmp_path, tiny_llama, more), "moved")
    assert [(step.made, step.of) for step in steps] == [
        ("whole", ()),
        ("other", ()),
        ("moved", ("whole", "other")),
    ]


def test_a_gguf_file_tells_its_makers_and_is_converted(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.Q4_0.gguf", quantize="Q8_0")
    steps = lineage(settings(tmp_path, path), "whole")
    assert [step.made for step in steps] == ["Made", "m.Q4_0.gguf", "a folder of safetensors in BF16", "whole"]
    assert steps[0] == LineageStep("Made", (), "not said by the file")
    assert steps[1] == LineageStep("m.Q4_0.gguf", ("Made",), "quantized to Q8_0")
    assert "transformers" in steps[2].by


def test_a_gguf_file_names_what_it_was_made_of(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(str(tmp_path / "m.gguf"), "llama")
    writer.add_name("Child")
    writer.add_organization("Makers")
    writer.add_base_model_count(2)
    writer.add_base_model_name(0, "Mother")
    writer.add_base_model_repo_url(1, "https://example.org/father")
    writer.add_tokenizer_model("none")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    first = lineage(settings(tmp_path, tmp_path / "m.gguf"), "whole")[0]
    assert first == LineageStep("Child", ("Mother", "https://example.org/father"), "Makers")


def test_a_quantizer_is_named(tiny_llama: Path, tmp_path: Path) -> None:
    own = copy_of(tiny_llama, tmp_path / "own")
    set_config(own, quantization_config={"quant_method": "compressed-tensors", "format": "int-quantized"})
    assert "compressed-tensors, int-quantized" in lineage(settings(tmp_path, own), "whole")[0].by


def test_what_a_version_is_given_beside_its_weights_is_a_difference(tiny_llama: Path, tmp_path: Path) -> None:
    more = """
[models.rag]
base = "whole"
retrieval = { passages = "p.jsonl", k = 3 }
[models.more]
base = "rag"
retrieval = { passages = "p.jsonl", k = 5 }
context = { tokens = 64 }
[models.fewer]
base = "more"
retrieval = { passages = "p.jsonl" }
[models.cold]
base = "rag"
sampling = { temperature = 0 }
[models.tuned]
base = "whole"
adapter = { data = "a.jsonl", steps = 20 }
[models.again]
base = "tuned"
adapter = { data = "a.jsonl", steps = 20 }
"""
    found = settings(tmp_path, tiny_llama, more)
    own = {name: differences(found.version(name), found.version(base)) for name, base in PAIRS.items()}
    assert own == {
        "rag": {"retrieval.passages": "p.jsonl"},
        "more": {"retrieval.k": 5, "context.tokens": 64},
        "fewer": {"retrieval.k": 3},
        "cold": {"sampling.temperature": 0},
        "tuned": {"adapter.data": "a.jsonl", "adapter.steps": 20},
        "again": {"adapter.data": "a.jsonl", "adapter.steps": 20},
    }


def test_passages_and_a_budget_that_take_the_place_of_the_bases_say_so(tiny_llama: Path, tmp_path: Path) -> None:
    more = """
[models.rag]
base = "whole"
retrieval = { passages = "p.jsonl" }
context = { tokens = 64 }
[models.other]
base = "rag"
retrieval = { passages = "p.jsonl", k = 1 }
context = { tokens = 32 }
"""
    by = {step.made: step.by for step in lineage(settings(tmp_path, tiny_llama, more), "other")}
    assert by["rag, retrieval"].startswith("retrieval: k = 3")
    assert by["other, retrieval"].startswith("retrieval in place of that of rag: k = 1")
    assert by["other, context"] == "context in place of that of rag: tokens = 32, keep = 'ends'"


def test_what_was_built_for_a_version_is_a_step_of_its_own(tiny_llama: Path, tmp_path: Path) -> None:
    found = settings(tmp_path, tiny_llama, '[models.student]\nbase = "pruned"\n[models.rag]\nbase = "student"')
    folder = copy_of(tiny_llama, tmp_path / "built")
    taught = BuildStep(
        "distilled", "student", DistilledSettings("whole", "texts.jsonl", steps=30), Artifact(folder, "c0ffee")
    )
    passages = BuildStep("retrieval", "rag", RetrievalSettings("passages.jsonl"), Artifact(tmp_path, "facade"))
    options = {**found.version("student").engine_options, "weights": str(folder)}
    options.pop("drop_layers")
    versions = {
        "whole": found.version("whole"),
        "pruned": found.version("pruned"),
        "student": replace(found.version("student"), engine_options=options, steps=(taught,)),
        "rag": replace(found.version("rag"), engine_options=options, steps=(taught, passages)),
    }
    steps = read_lineage(LineageSources(versions, describe_weights(options, found.root)), "rag")
    assert [(step.made, step.of, step.step, step.fingerprint) for step in steps] == [
        ("whole", (), "settings", None),
        ("pruned", ("whole",), "settings", None),
        ("student, distilled", ("pruned", "teacher whole", "data texts.jsonl"), "distilled", "c0ffee"),
        ("student", ("student, distilled",), "settings", None),
        ("rag, retrieval", ("student", "passages passages.jsonl"), "retrieval", "facade"),
        ("rag", ("rag, retrieval",), "settings", None),
    ]
    assert steps[2].by.startswith("distilled: method = 'soft_targets', temperature = 2.0, hard_weight = 0.1")
    assert "steps = 30" in steps[2].by
    assert "transformers" in steps[2].by
    assert steps[3].by == "the settings: no difference"


def test_what_was_trained_further_is_made_of_the_base_and_of_its_own_data(tiny_llama: Path, tmp_path: Path) -> None:
    more = """
[models.student]
distilled = { teacher = "whole", data = "texts.jsonl" }
engine = "transformers"
[models.tuned]
base = "student"
adapter = { data = "train.jsonl" }
[models.merged]
base = "tuned"
adapter = { data = "more.jsonl", merge = true }
"""
    found = settings(tmp_path, tiny_llama, more)
    folder = str(copy_of(tiny_llama, tmp_path / "built"))
    versions: dict[str, VersionSettings] = {"whole": found.version("whole")}
    places = {"student": {}, "tuned": {"adapter": "/cache/1"}, "merged": {"merged": ["/cache/1", "/cache/2"]}}
    for name, beside in places.items():
        version = found.version(name)
        steps = tuple(replace(step, artifact=Artifact(Path("gone"), f"c{n}")) for n, step in enumerate(version.steps))
        versions[name] = replace(version, engine_options={"weights": folder, **beside}, steps=steps)
    told = read_lineage(LineageSources(versions, describe_weights({"weights": folder}, found.root)), "merged")
    assert [(step.made, step.of) for step in told] == [
        ("student, distilled", ("teacher whole", "data texts.jsonl")),
        ("student", ("student, distilled",)),
        ("tuned, adapter", ("student", "data train.jsonl")),
        ("tuned", ("tuned, adapter",)),
        ("merged, adapter", ("tuned", "data more.jsonl")),
        ("merged", ("merged, adapter",)),
    ]
    by = [step.by for step in told if step.step == "settings"]
    assert by == ["the settings: engine = 'transformers'", *["the settings: no difference"] * 2]


def test_every_kind_of_step_is_told_built_or_not(tiny_llama: Path, tmp_path: Path) -> None:
    more = """
[corpora.raw]
documents = "web"
[corpora.clean]
base = "raw"
steps = ["url"]
[models.student]
base = "pruned"
distilled = { teacher = "whole", data = "clean", steps = 30 }
[models.tuned]
base = "student"
adapter = { data = "train.jsonl", rank = 4 }
[models.told]
base = "tuned"
system = "file:brief.md"
template = "Q: {prompt}"
[models.given]
base = "told"
retrieval = { passages = "p.jsonl" }
context = { tokens = 64 }
[models.small]
base = "whole"
quantized = "int8"
"""
    found = settings(tmp_path, tiny_llama, more)
    steps = lineage(found, "given")
    assert [step.step for step in steps] == [
        *("weights", "settings", "drop_layers", "settings", "corpus", "corpus", "distilled", "settings"),
        *("adapter", "settings", "prompt", "settings", "retrieval", "context", "settings"),
    ]
    by_kind = {step.step: step for step in steps}
    assert by_kind["corpus"].of == ("raw",)
    assert by_kind["corpus"].made == "clean"
    assert "'url'" in by_kind["corpus"].by
    assert by_kind["distilled"].of == ("pruned", "teacher whole", "data clean")
    assert by_kind["adapter"].of == ("student", "data train.jsonl")
    assert by_kind["prompt"].of == ("tuned", "system file:brief.md")
    assert by_kind["prompt"].by == "prompt: template = 'Q: {prompt}'"
    assert by_kind["retrieval"].of == ("told", "passages p.jsonl")
    assert by_kind["context"].by == "context: tokens = 64, keep = 'ends'"
    assert (by_kind["distilled"].fingerprint, len(by_kind["drop_layers"].fingerprint or "")) == (None, 32)
    assert (steps[-1].made, steps[-1].of) == ("given", ("given, context",))
    rounded = lineage(found, "small")[-2]
    assert (rounded.step, len(rounded.fingerprint or "")) == ("quantized", 32)
    assert rounded.by.startswith("quantized = 'int8', compressed-tensors ")


def test_an_adapter_tells_which_weights_it_was_made_for(tiny_llama: Path, tmp_path: Path) -> None:
    """Shapes don't tell weights from others that have the same."""
    made = change_config(write_adapter_head(tmp_path, rank=2), base_model_name_or_path="makers/another-base")
    found = settings(tmp_path, tiny_llama, '[models.tuned]\nbase = "whole"')
    adapter = BuildStep("adapter", "tuned", AdapterSettings(folder="adapter"), Artifact(made, "c0ffee"))
    tuned = replace(found.version("tuned"), steps=(adapter,))

    def told() -> str:
        versions = {"whole": found.version("whole"), "tuned": tuned}
        steps = read_lineage(LineageSources(versions, describe_weights(tuned.engine_options, found.root)), "tuned")
        return next(step.by for step in steps if step.step == "adapter")

    assert told() == "adapter: merge = False; made for makers/another-base, as it says"
    change_config(made, base_model_name_or_path=f"{TRAINED_ON}0a1b")
    assert "made for" not in told(), "the digest is checked"
    change_config(made, base_model_name_or_path=None)
    assert "made for" not in told()


def test_versions_and_prompts_have_fingerprints_where_these_are_known(tiny_llama: Path, tmp_path: Path) -> None:
    found = settings(tmp_path, tiny_llama, '[models.told]\nbase = "whole"\nsystem = "Be brief."')
    weights = describe_weights(found.version("told").engine_options, found.root)

    def prompt(text: str) -> LineageStep:
        known = LineageSources(found.versions, weights, {"told": "0a1b"}, {"told": {"system": text}})
        *_, step, last = read_lineage(known, "told")
        assert last.fingerprint == "0a1b"
        return step

    assert prompt("Be brief.") == prompt("Be brief.")
    assert prompt("Be brief.").fingerprint != prompt("Be long.").fingerprint


def test_a_step_tells_what_made_it_and_nothing_of_other_methods() -> None:
    def told(kind: str, made: Customization) -> tuple[str, list[str]]:
        step = BuildStep(kind, "own", made)
        options = {"weights": Unbuilt("own")} if kind in ("distilled", "adapter") else {}
        own = VersionSettings("own", "transformers", engine_options=options, steps=(step,))
        by = next(each.by for each in read_lineage(LineageSources({"own": own}, None), "own") if each.step == kind)
        words, _, packages = by.partition("; ")
        return words, [each.split()[0] for each in packages.split(", ") if each]

    assert told("retrieval", RetrievalSettings("p.jsonl"))[1] == ["bm25s", "pystemmer"]
    words, packages = told("retrieval", RetrievalSettings(call="shop.search:find"))
    assert "call = 'shop.search:find'" in words
    assert "files" not in words
    assert packages == []
    words, packages = told("distilled", DistilledSettings("whole", "d.jsonl", method="sequence", temperature=None))
    assert words.startswith("distilled: method = 'sequence', shuffled = False, steps = 400")
    assert packages == ["torch", "transformers"]
    assert told("distilled", DistilledSettings("whole", weights="there")) == ("distilled: trained elsewhere", [])
    assert told("adapter", AdapterSettings(folder="ready", merge=True)) == (
        "adapter: merge = True",
        ["torch", "transformers", "peft"],
    )
    assert told("adapter", AdapterSettings(data="d.jsonl"))[1] == ["torch", "transformers", "peft"]


def test_a_base_whose_name_reads_like_the_words_of_a_step_is_no_corpus(tiny_llama: Path, tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    more = '[models."data clean"]\nbase = "whole"\ndrop_layers = [1]\n[models.cold]\nbase = "data clean"\n'
    found = settings(tmp_path, tiny_llama, more + '[corpora.clean]\ndocuments = "d.jsonl"\n')
    assert "clean" in found.versions
    assert [step.made for step in lineage(found, "cold")][-2:] == ["data clean", "cold"]
