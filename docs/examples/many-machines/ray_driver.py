"""One task a node of a Ray cluster draws what no other does; then this driver decides.

ray job submit --working-dir . -- python ray_driver.py suites --candidate brief --baseline stable

The settings name a store that all nodes reach. A node may die: the others draw what it held.
"""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from functools import partial

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

PR_SET_PDEATHSIG = 1


def run_pytest(*arguments: str) -> int:
    """Run pytest, which ends with this process; gives its exit code."""
    end_with_parent = partial(ctypes.CDLL(None).prctl, PR_SET_PDEATHSIG, signal.SIGKILL)
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, preexec_fn=end_with_parent, check=False).returncode


@ray.remote(max_retries=0)
def draw(arguments: list[str]) -> int:
    """Draw until nothing is left; gives pytest's exit code."""
    return run_pytest(*arguments, "--draw")


def main(arguments: list[str]) -> int:
    """Draw on all nodes, and decide if any of them came to its end."""
    ray.init(address="auto")
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    where = {
        draw.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(arguments): node
        for node in nodes
    }
    waiting, n_ended = list(where), 0
    while waiting:
        (done,), waiting = ray.wait(waiting, num_returns=1)
        try:
            code = ray.get(done)
        except ray.exceptions.RayError as error:
            print(f"Node {where[done][:8]} is lost: {type(error).__name__}", flush=True)
            continue
        print(f"Node {where[done][:8]} ended with {code}", flush=True)
        n_ended += code == 0
    if n_ended == 0:
        print("No node drew to its end: nothing is decided.", file=sys.stderr)
        return 4
    return run_pytest(*arguments, "--offline")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
