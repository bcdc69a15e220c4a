"""A process that wakes stopped process groups when whoever started it is gone: `python waking.py GROUP …`.

It waits for the end of its standard input, which comes with the end of its parent, however that ends; a stopped server
could not notice that itself. It imports nothing, for it is started before each block.
"""

import os
import signal
import sys


def main() -> None:
    """Wait for the end of the input, then wake every group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for group in map(int, sys.argv[1:]):
        try:
            os.killpg(group, signal.SIGCONT)
        except OSError:
            continue  # it has ended


if __name__ == "__main__":
    main()
