"""The small random Llama of the models' tests."""

from tests.models.conftest import tiny_llama

__all__ = ["tiny_llama"]
