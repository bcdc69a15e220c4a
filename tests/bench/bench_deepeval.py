"""What a metric of deepeval costs beyond the requests that it makes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.bench import project
from tests.bench.process import alternate, pytest_command
from tests.bench.sampling import Figure, server

CLIENT = Path(__file__).with_name("chains.py")
ANSWERS = 200
SAID = json.dumps(
    {
        "truths": ["The bridge was built in 1932."],
        "claims": ["The bridge was built in 1932."],
        "verdicts": [{"verdict": "no", "reason": "The bridge was built in 1932."}],
        "reason": "The bridge was built in 1932.",
    }
)


def deepeval(folder: Path, repeats: int) -> list[Figure]:
    """FaithfulnessMetric on answers that are there, its four requests each at 200 ms and 128 connections."""
    with server(0.2, "--default", SAID, "--stamp", "1932") as url:
        few = project.faithfulness(folder / "few", ANSWERS, url)
        many = project.faithfulness(folder / "many", 5 * ANSWERS, url)
        gate = pytest_command("--concurrency", "128")
        client = [sys.executable, str(CLIENT), url]
        imported = [sys.executable, "-c", "import deepeval.metrics"]
        ours, theirs, ours_many, theirs_many, library = alternate(
            repeats,
            (gate, few),
            ([*client, str(ANSWERS), "128"], few),
            (gate, many),
            ([*client, str(5 * ANSWERS), "128"], many),
            (imported, few),
        )
    usage = json.loads((few / "reports" / "latest" / "report.json").read_text())["usage"]
    assert usage["model_calls"] == 4 * ANSWERS
    ratio = usage["wall_s"] / theirs.wall_s
    own_ms = (ours_many.cpu_s - ours.cpu_s) / (4 * ANSWERS) * 1000
    their_ms = (theirs_many.cpu_s - theirs.cpu_s) / (4 * ANSWERS) * 1000
    return [
        Figure(
            f"FaithfulnessMetric on {ANSWERS} answers, 4 requests each at 200 ms and 128 connections, after start-up",
            ratio,
            "× the bare requests",
            "≤ 1.3",
            ratio <= 1.3,
            f"{usage['wall_s']:.2f} s against {theirs.wall_s:.2f} s of a hand-written client",
        ),
        Figure(
            f"FaithfulnessMetric on {ANSWERS} answers, pytest from start to exit",
            ours.wall_s,
            "s",
            "",
            True,
            f"of which the import of deepeval takes {library.wall_s:.2f} s",
        ),
        Figure(
            "CPU for each further answer that FaithfulnessMetric measures, beyond the client's own",
            own_ms - their_ms,
            "ms",
            "",
            True,
            f"ours {own_ms:.2f} ms, the client {their_ms:.2f} ms, four requests each",
        ),
    ]
