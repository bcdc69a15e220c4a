"""The small Llama of the engines' tests."""

from __future__ import annotations

from tests.models.conftest import tiny_llama, tiny_tensors

__all__ = ["tiny_llama", "tiny_tensors"]
