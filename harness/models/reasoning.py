"""Separates a model's reasoning from its answer, where it wrote both into one text."""

from __future__ import annotations

from dataclasses import replace

from harness.records import Sample

_BEGIN, _END = "<think>", "</think>"


def apart(sample: Sample) -> Sample:
    """A sample of a chat with its reasoning kept apart from its answer, also where the engine did not do that."""
    start = sample.text.lstrip()
    if sample.reasoning is not None or not start.startswith(_BEGIN):
        return sample
    reasoning, _, answer = start.removeprefix(_BEGIN).partition(_END)
    return replace(sample, text=answer.lstrip(), reasoning=reasoning.strip() or None)
