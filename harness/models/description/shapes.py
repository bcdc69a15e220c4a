"""The refusal of weights that are not those of the configuration beside them."""

from __future__ import annotations

import json

from harness.errors import SettingsError
from harness.models.description.architecture import tensor_role
from harness.models.description.contents import WeightsFile
from harness.models.description.hyperparameters import Hyperparameters


def check_shapes(file: WeightsFile, sizes: Hyperparameters) -> None:
    """Refuse weights whose embedding, head or layers are not those of their configuration.

    What else could be wrong is refused by whoever loads them.

    Raises:
        SettingsError: naming the tensor, the shape that is expected, and the one that was found.
    """
    if not file.tensors:
        return
    roles = [(tensor, tensor_role(tensor.name)) for tensor in file.tensors if tensor.is_weight]
    width = file.settings.get("embedding_width", sizes.n_embd)
    for tensor, role in roles:
        expected = (sizes.n_vocab or tensor.shape[0], width)
        is_whole = tensor.name.endswith(".weight") and tensor.packed == 1
        if role.part in ("embedding", "head") and is_whole and tensor.shape != expected:
            raise _mismatch(file, sizes, tensor.name, list(expected), list(tensor.shape))
    found = {role.layer for _, role in roles if role.layer is not None}
    missing = next((layer for layer in range(sizes.n_layers) if layer not in found), None)
    if missing is not None:
        raise _mismatch(file, sizes, f"layer {missing}", "its tensors", "none")
    if sizes.is_tied is False and all(role.part != "head" for _, role in roles):
        raise _mismatch(file, sizes, "lm_head.weight", "a head, for tie_word_embeddings is false", "none")
    if not sizes.n_layers or "embedding" not in {role.part for _, role in roles}:
        raise _mismatch(file, sizes, "embedding and layers", "one at least of each", "none")


def _mismatch(file: WeightsFile, sizes: Hyperparameters, name: str, expected: object, found: object) -> SettingsError:
    what = "config.json" if file.is_folder else "The file"
    stated = {"model_type" if file.is_folder else "general.architecture": file.architecture}
    said = ", ".join(
        f"{key} = {json.dumps(value)}"
        for key, value in {
            **stated,
            ("num_hidden_layers" if file.is_folder else "block_count"): sizes.n_layers,
            ("hidden_size" if file.is_folder else "embedding_length"): sizes.n_embd,
            "vocab_size": sizes.n_vocab,
        }.items()
    )
    return SettingsError(
        f"{file.path}: the weights are not those of their configuration. {name}: expected {expected}, found {found}. "
        f"{what} says {said}. Fetch or save the model again."
    )
