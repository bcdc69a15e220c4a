"""One task a node of a Ray cluster draws what no other does; then this driver decides.

ray job submit --working-dir . -- python ray_driver.py suites --candidate brief --baseline stable

The settings name a store that all nodes reach. A node may die: the others draw what it held.
"""

from __future__ import annotations

import sys

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


@ray.remote(max_retries=0, max_calls=1)
def draw(arguments: list[str]) -> int:
    """Draw until nothing is left; gives pytest's exit code."""
    return int(pytest.main([*arguments, "--draw"]))


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
    return int(pytest.main([*arguments, "--offline"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
