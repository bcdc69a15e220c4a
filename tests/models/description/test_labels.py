"""Names of sizes and types, held against gguf-py's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.models.description.contents import Tensor, WeightsFile
from harness.models.description.labels import file_type_name, mislabelled, rounded, size_name


def file(
    architecture: str = "llama", dtypes: tuple[str, ...] = (), file_format: str = "GGUF V3", **more: Any
) -> WeightsFile:
    tensors = tuple(Tensor(str(number), (2, 2), dtype, 4) for number, dtype in enumerate(dtypes))
    settings = {"general.architecture": architecture, **{key.replace("__", "."): value for key, value in more.items()}}
    return WeightsFile(Path("m"), file_format, settings, tensors)


@pytest.mark.parametrize("number", [999, 134_515_008, 1_711_376_384, 3_212_749_888, 70_553_706_496, 1_026_408_000_000])
def test_a_number_is_rounded_as_gguf_py_does(number: int) -> None:
    from gguf.utility import model_weight_count_rounded_notation

    assert model_weight_count_rounded_notation(number) == rounded(number)


@pytest.mark.parametrize(
    ("architecture", "number", "name"),
    [
        ("llama", 134_515_008, "135M"),
        ("llama", 361_821_120, "362M"),
        ("llama", 1_235_814_400, "1B"),
        ("llama", 3_212_749_888, "3B"),
        ("llama", 6_738_415_616, "7B"),
        ("llama", 8_030_261_248, "8B"),
        ("mistral", 7_241_732_096, "7B"),
        ("qwen2", 494_032_768, "0.5B"),
        ("qwen2", 1_543_714_304, "1.5B"),
        ("qwen3", 596_049_920, "0.6B"),
        ("gemma2", 2_614_341_888, "2B"),
        ("gemma3", 268_098_176, "270M"),
        ("phi3", 3_821_079_552, "3B"),
        ("unheard", 3_821_079_552, "3.8B"),
    ],
)
def test_a_size_has_llama_cpps_name_where_that_is_near(architecture: str, number: int, name: str) -> None:
    assert name == size_name(file(architecture), number)


def test_what_the_file_calls_itself_comes_first() -> None:
    assert size_name(file(general__size_label="8x7B"), 46_702_792_704) == "8x7B"


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (file(general__file_type=3), "Q4_1"),
        (file(general__file_type=15), "Q4_K - Medium"),
        (file(general__file_type=0), "all F32"),
        (file(general__file_type=99), "unknown, may not work"),
        (file(dtypes=("Q8_0", "Q8_0", "F32")), "(guessed) Q8_0"),
        (file(), "unknown, may not work"),
        (file(dtypes=("BF16", "BF16", "F32"), file_format="safetensors"), "BF16"),
        (file(dtypes=("F32",), file_format="safetensors"), "all F32"),
    ],
)
def test_a_file_has_the_name_of_its_types(found: WeightsFile, name: str) -> None:
    assert name == file_type_name(found)


@pytest.mark.parametrize(
    ("quantization", "name"),
    [
        ({"quant_method": "gptq", "bits": 4}, "INT4 (gptq)"),
        ({"quant_method": "fp8"}, "F8_E4M3 (fp8)"),
        (
            {
                "quant_method": "compressed-tensors",
                "format": "float-quantized",
                "config_groups": {
                    "g": {"weights": {"num_bits": 8, "type": "float"}, "input_activations": {"num_bits": 8}}
                },
            },
            "FP8 W8A8 (compressed-tensors, float-quantized)",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"g": {"weights": {"num_bits": 4, "type": "int"}, "input_activations": None}},
            },
            "INT4 W4A16 (compressed-tensors)",
        ),
    ],
)
def test_a_quantized_folder_is_called_as_its_quantizer_does(quantization: dict[str, Any], name: str) -> None:
    assert name == file_type_name(
        file(dtypes=("F8_E4M3", "BF16"), file_format="safetensors", quantization=quantization)
    )


def test_a_file_that_calls_itself_by_a_type_that_it_has_not_is_mislabelled() -> None:
    said = mislabelled(file(dtypes=("Q8_0", "Q8_0", "F32"), general__file_type=3))
    assert said is not None
    assert said.startswith("its general.file_type says Q4_1, and no tensor is of that type: 2 of 3 are Q8_0.")


@pytest.mark.parametrize(
    "found",
    [
        file(dtypes=("Q4_1", "Q8_0", "F32"), general__file_type=3),
        file(dtypes=("Q8_0", "F32")),
        file(general__file_type=3),
        file(dtypes=("F32",), general__file_type=0),
        file(dtypes=("Q5_0", "Q8_0"), general__file_type=15),  # rows of such a length fall back to these types
    ],
)
def test_a_file_of_several_types_or_none_is_not(found: WeightsFile) -> None:
    assert mislabelled(found) is None
