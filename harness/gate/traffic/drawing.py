"""Draws cases from traffic, each sample with the same known probability, and adds single ones to a file of cases."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config.files import replacing
from harness.errors import CaseError, choices
from harness.gate.evaluations.resemblance import near_pairs
from harness.gate.traffic.traces import Traces
from harness.records import Case
from harness.stages.case_files import load_cases
from harness.stages.data.steps.pii import PII, without_personal_data
from harness.stages.data.steps.step import package_versions


def draw_cases(traces: Traces, n: int, by: str | None) -> tuple[list[dict[str, Any]], int]:
    """Draw n of the N samples as cases, and count N: each with the probability n / N, which it keeps as `probability`.

    They stand in the order of `by` and, within a stratum, of a hash; every N / n-th is drawn, from a start that hashes
    give. So a stratum has its share of the cases to within one, the mean over cases is Horvitz and Thompson's estimate
    of that over the traffic, and the same traffic gives the same cases. Those that resemble each other, or are of one
    session, share a `cluster`. Placeholders stand for personal data.

    Raises:
        CaseError: no sample has the field `by`.

    References: D. G. Horvitz, D. J. Thompson (1952), JASA 47:663-685. W. G. Madow, L. H. Madow (1944), Annals of
    Mathematical Statistics 15:1-24 (systematic sampling).
    """
    order = sorted((str(each.fields.get(by, "")) if by else "", _hash(each.id), each.id) for each in traces)
    if by and order and not any(by in each.fields for each in traces):
        fields = {name for each in traces for name in each.fields}
        raise CaseError(f"--by: {choices('field', by, fields)}")
    n = min(n, len(order))
    start = int(_hash("".join(key for _, key, _ in order)), 16) / 16**16
    wanted = {order[int((start + k) * len(order) / n)][2] for k in range(n)}
    drawn = [(each.case, each.output) for each in traces if each.id in wanted]
    clusters: dict[str, str] = {}

    def cluster_of(name: str) -> str:
        while clusters.setdefault(name, name) != name:
            name = clusters[name]
        return name

    cases = [Case({"id": case.id, "prompt": case.prompt}) for case, _ in drawn]
    firsts: dict[str, str] = {}
    alike = [(firsts.setdefault(case["session"], case.id), case.id) for case, _ in drawn if case.session]
    for one, other in [*((one.id, other.id) for one, other in near_pairs(cases)), *alike]:
        clusters[cluster_of(other)] = cluster_of(one)
    known = {"probability": n / max(1, len(order))}
    return [case_of(case, output) | known | {"cluster": cluster_of(case.id)} for case, output in drawn], len(order)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def case_of(case: Case, output: str) -> dict[str, Any]:
    """A case's fields with what was answered, placeholders for personal data, and without its session."""
    _check_packages()
    fields = {name: _cleaned(value) for name, value in {**case.fields, "output": output}.items() if name != "session"}
    return {**fields, "id": case.id}


_check_packages = functools.cache(lambda: package_versions(PII))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_personal_data(value)[0]
    if isinstance(value, Mapping):
        return {name: _cleaned(each) for name, each in value.items()}
    return [*map(_cleaned, value)] if isinstance(value, list | tuple) else value


def add_case(fields: Mapping[str, Any], path: Path) -> int:
    """Add a case to a file of JSON lines, made where there is none, and count its cases. Raises CaseError: it has one
    of that id, or is no such file.
    """
    if path.suffix != ".jsonl":
        raise CaseError(f"{path} is no file of JSON lines: cases are added to a .jsonl.")
    known = [each.id for each in load_cases(path, [Path.cwd()])] if path.exists() else []
    if fields["id"] in known:
        raise CaseError(f"{path} has a case {fields['id']!r} already; edit that.")
    text = path.read_text(encoding="utf-8").rstrip("\n") + "\n" if known else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text + json.dumps(fields, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(known) + 1
