from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EngineError, NotInLineageError
from harness.models.transformers.engine import TransformersEngine
from harness.records import Request, Sample
from harness.stages.foundation.reference import (
    PositionDivergence,
    Reference,
    TextDivergence,
    is_rounded,
    load_reference,
    reference_options,
    sampled_message,
)
from tests.models.description.made import set_config

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]

TEXT = "abc bca cab, and so on: 12 of 13 words."


def foreseen(folder: Path, text: str = TEXT, top: int = 50, **options: Any) -> Sample:
    """What transformers foresees of a text."""
    engine = TransformersEngine("transformers (tiny)", {"weights": str(folder), **options}, folder)

    async def ask() -> Sample:
        await engine.start()
        try:
            return (await engine.sample(Request(kind="rolling", prompt=text, logprobs=top), [0]))[0]
        finally:
            await engine.close()

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def reference(tiny_llama: Path) -> Iterator[Reference]:
    found = Reference("tiny", {"weights": str(tiny_llama)}, str(tiny_llama))
    yield found
    found.close()


def divergence(reference: Reference, sample: Sample) -> TextDivergence:
    return asyncio.run(_compare(reference, sample))


async def _compare(reference: Reference, sample: Sample) -> TextDivergence:
    return await reference.compare(sample)


@pytest.fixture
def other(tiny_llama: Path, tmp_path: Path) -> Path:
    """The same weights, read at another base of rotation."""
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "other"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "rope_theta": 100.0}))
    return folder


def test_weights_computed_as_they_are_don_t_diverge(reference: Reference, tiny_llama: Path) -> None:
    found = divergence(reference, foreseen(tiny_llama))
    assert len(found.positions) == len(TEXT) - 3, "a position for each token: a byte, or one of three pairs"
    assert found.is_lower_bound
    assert max(each.kl for each in found.positions) < 1e-6
    assert found.same_top == 1.0
    for each in found.positions:
        assert each.log_likelihood == pytest.approx(each.reference_log_likelihood, abs=1e-5)


def test_all_tokens_listed_give_the_whole_divergence(reference: Reference, other: Path) -> None:
    exact = reference.compare_weights({"weights": str(other)}, TEXT)
    assert not exact.is_lower_bound
    listed = divergence(reference, foreseen(other, top=261))
    few = divergence(reference, foreseen(other, top=5))
    for expected, found, bound in zip(exact.positions, listed.positions, few.positions, strict=True):
        assert found.kl == pytest.approx(expected.kl, abs=1e-5)
        assert found.kl_reverse == pytest.approx(expected.kl_reverse, abs=1e-5)
        assert bound.kl <= expected.kl + 1e-6
        assert (found.same_top, bound.same_top) == (expected.same_top, expected.same_top)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"dtype": "bfloat16"}, False),
        ({"quantized": "int8"}, True),
        ({"engine_args": {"kv_cache_dtype": "fp8"}}, True),
        ({"engine_args": {"kv_cache_dtype": "bfloat16"}}, False),
        ({"engine_args": {"quantization": "fp8"}}, True),
    ],
)
def test_a_version_is_rounded_that_computes_with_fewer_than_16_bits(
    tiny_llama: Path, options: dict[str, Any], expected: bool
) -> None:
    assert is_rounded({"weights": str(tiny_llama), **options}, tiny_llama) is expected


def test_folders_are_rounded_that_a_quantizer_wrote(tiny_llama: Path, tmp_path: Path) -> None:
    rounded = Path(shutil.copytree(tiny_llama, tmp_path / "rounded"))
    set_config(rounded, quantization_config={"quant_method": "compressed-tensors"})
    assert is_rounded({"weights": str(rounded)}, tmp_path)


def test_the_same_weights_kept_in_16_bits_of_either_kind_are_almost_0_apart(
    tiny_llama: Path,
    tmp_path: Path,
) -> None:
    """The arithmetic is that of 32 bits, so that nothing but the rounding of the weights is told."""
    import torch
    from transformers import AutoModelForCausalLM

    folders = []
    for dtype in (torch.float16, torch.bfloat16):
        folder = Path(shutil.copytree(tiny_llama, tmp_path / str(dtype)))
        AutoModelForCausalLM.from_pretrained(str(tiny_llama), dtype=dtype).save_pretrained(str(folder))
        folders.append(folder)
    half = Reference("half", {"weights": str(folders[0])}, str(tmp_path))
    try:
        found = half.compare_weights({"weights": str(folders[1])}, TEXT * 4)
    finally:
        half.close()
    assert 0 < found.kl.value < 0.0005


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample(""), "has no log probabilities to compare"),
        (Sample("", logprobs=(), prompt_tokens=1), "of a text that is not empty"),
    ],
)
def test_a_sample_of_something_else_is_refused(sample: Sample, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        sampled_message(sample)


def test_a_text_longer_than_the_window_is_refused(tiny_llama: Path) -> None:
    long = foreseen(tiny_llama, "abc " * 40, max_model_len=64)
    with pytest.raises(EngineError, match="has 120 tokens and was read in pieces"):
        sampled_message(long)


def test_tokens_of_another_vocabulary_are_named(reference: Reference, tiny_llama: Path) -> None:
    sample = foreseen(tiny_llama)
    assert sample.logprobs is not None
    message = sampled_message(sample)
    message["tokens"][3] = "Ġelsewhere"
    with pytest.raises(EngineError, match="no token 'Ġelsewhere': the engine has another tokenizer"):
        reference._worker.ask("compare_sample", **message)
    assert divergence(reference, sample).same_top == 1.0, "the process goes on"


def test_the_reference_is_of_the_weights_before_they_were_rounded() -> None:
    options = {"weights": "w", "drop_layers": [1], "quantized": "int8", "dtype": "float16", "max_model_len": 64}
    assert reference_options(options) == {"weights": "w", "drop_layers": [1], "dtype": "float32"}


def test_a_version_without_weights_has_none() -> None:
    from harness.config import Settings, VersionSettings
    from harness.models.version import Version
    from harness.stages.lineage import StageContext

    version = Version("table", VersionSettings("table", "scripted", engine_options={"answers": {}}), "f")
    with pytest.raises(NotInLineageError, match="table has no weights"):
        load_reference(version, StageContext(Settings(root=Path())))


def test_a_text_s_measure_says_what_it_is() -> None:
    positions = tuple(PositionDivergence(kl, kl / 2, False, -1.0, -3.0) for kl in (0.1, 0.3))
    found = TextDivergence(positions, True)
    assert (found.kl.value, found.kl.unit, found.kl.higher_is_better) == (pytest.approx(0.2), "nats/token", False)
    assert found.kl.reason == "at most 0.3 nats; another most probable token at 2 of 2 positions; a lower bound"
    assert (found.kl_reverse.value, found.same_top) == (pytest.approx(0.1), 0.0)
    assert (found.log_likelihood, found.reference_log_likelihood) == (-1.0, -3.0)
    with pytest.raises(EngineError, match="needs both distributions whole"):
        _ = found.js
