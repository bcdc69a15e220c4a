"""The same bot as a program: a question on each line of its input, an answer on each line of its output."""

import asyncio
import json
import sys

from shop.bot import answer

for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"id": asked["id"], **asyncio.run(answer(asked["prompt"]))}), flush=True)
