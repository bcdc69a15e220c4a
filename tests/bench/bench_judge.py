"""What a rubric judge costs beyond its requests: answers that are there, judged once each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

from harness.scoring.judging import Rubrics
from harness.scoring.judging.answers import rating_schema
from harness.scoring.judging.prompts import material, rating_messages
from tests.bench import project
from tests.bench.process import Took, clean, pytest_command, run
from tests.bench.sampling import Figure, server
from tests.scoring.judging.rubrics import SUMMARY

CLIENT = Path(__file__).with_name("bodies.py")
ANSWERS = 1000
SAID = json.dumps(
    {"reason": "Every claim of the summary is in the text, and nothing that matters is left out.", "score": 5}
)


def judge(folder: Path, repeats: int) -> list[Figure]:
    """1,000 answers by one judge at 200 ms and 128 connections."""
    ratios, gates, clients = [], [], []
    with server(0.2, "--default", SAID) as url:
        place = project.judged(folder, ANSWERS, url, SUMMARY)
        bodies = _bodies(folder, place)
        for _ in range(repeats):
            clean(place)
            gate = run(pytest_command("--concurrency", "128"), place)
            client = run([sys.executable, str(CLIENT), url, str(bodies), "128"], place)
            sampling_s = json.loads((place / "reports/latest/report.json").read_text())["usage"]["wall_s"]
            ratios.append((sampling_s, float(client.output)))
            gates.append(gate)
            clients.append(client)
    return _figures(ratios, gates, clients)


def _bodies(folder: Path, place: Path) -> Path:
    """The very requests that the judge is asked, a line each."""
    rubric = Rubrics((place,)).get("rubric.md")
    lines = []
    for case in map(json.loads, (place / "cases.jsonl").read_text().splitlines()):
        given = material(rubric, case, None, case["id"]).with_answers(case["answer"])
        form = {"name": "answer", "schema": rating_schema(rubric), "strict": True}
        body = {
            "model": "bench",
            "messages": list(rating_messages(rubric, given)),
            "response_format": {"type": "json_schema", "json_schema": form},
        }
        lines.append(json.dumps(body))
    path = folder / "bodies.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def _figures(ratios: list[tuple[float, float]], gates: list[Took], clients: list[Took]) -> list[Figure]:
    ours_s, theirs_s = (median(each) for each in zip(*ratios, strict=True))
    whole_s, whole_client_s = median(each.wall_s for each in gates), median(each.wall_s for each in clients)
    ratio = median(ours / theirs for ours, theirs in ratios)
    what = f"{ANSWERS:,} answers by one rubric judge at 200 ms, 128 connections"
    cpu_s = median(each.cpu_s for each in gates), median(each.cpu_s for each in clients)
    return [
        Figure(
            f"{what}: from the opened store to the verdict, against the bare requests",
            ratio,
            "×",
            "≤ 1.3 ×",
            ratio <= 1.3,
            f"{ours_s:.2f} s, stored and decided, against {theirs_s:.2f} s",
        ),
        Figure(
            f"{what}: pytest from start to exit",
            whole_s,
            "s",
            "",
            True,
            f"the client from start to exit {whole_client_s:.2f} s; CPU {cpu_s[0]:.2f} s against {cpu_s[1]:.2f} s",
        ),
    ]
