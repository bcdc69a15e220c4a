import json
from pathlib import Path

PASSAGES = [json.loads(line) for line in Path("handbook.jsonl").read_text("utf-8").splitlines()]


def find(question: str, k: int) -> list[dict]:
    words = set(question.lower().split())
    return sorted(PASSAGES, key=lambda passage: -len(words & set(passage["text"].lower().split())))[:k]
