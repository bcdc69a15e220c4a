"""The weights that `make gpu MODEL=…` names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MODEL = "STEELYARD_TEST_MODEL"


def weights_on_disk(name: str | None = None) -> str | None:
    """The folder of the weights that are named, fetched from the hub where they are not here; None without a name.

    A test is skipped where they can't be had, with the reason.
    """
    name = os.environ.get(MODEL) if name is None else name
    if not name or name.startswith("package:"):
        return name or None
    if Path(name).expanduser().exists():
        folder = Path(name).expanduser().absolute()
        if folder.suffix != ".gguf" and not (folder / "config.json").is_file():
            pytest.skip(f"MODEL={name} is no folder of weights: it has no config.json")
        return str(folder)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return str(snapshot_download(name))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        pytest.skip(f"MODEL={name} is not on this disk and can't be fetched: {type(error).__name__}: {reason}")
