"""What is kept of a block."""

from __future__ import annotations

import pytest

from harness.errors import StoreError
from harness.stages.inference.blocks.measured import block_from, block_text


def test_it_comes_back_as_it_was_stored() -> None:
    block = {"valid": True, "invalid_reasons": [], "energy_j": 3.5}
    assert block_from(block_text(block)) == block
    for text in ("", "[]", "{}", '{"load": 1}'):
        with pytest.raises(StoreError, match="Measure anew"):
            block_from(text)
