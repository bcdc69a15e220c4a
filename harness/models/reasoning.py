"""Separates a model's reasoning from its answer, where it wrote both into one text."""

from __future__ import annotations

from dataclasses import replace

from harness.records import Sample

_BEGIN, _END = "<think>", "</think>"


def apart(sample: Sample) -> Sample:
    """A sample of a chat with its reasoning kept apart from its answer, also where the engine did not do that."""
    if sample.reasoning is not None:
        return sample
    reasoning, text = split_reasoning(sample.text)
    return sample if reasoning is None and text == sample.text else replace(sample, text=text, reasoning=reasoning)


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Reasoning that a model wrote in front of its answer, and the answer."""
    start = text.lstrip()
    if not start.startswith(_BEGIN):
        return None, text
    reasoning, _, answer = start.removeprefix(_BEGIN).partition(_END)
    return reasoning.strip() or None, answer.lstrip()
