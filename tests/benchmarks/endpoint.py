"""How busy the endpoint client keeps a server: seconds for many requests that each take half a second.

Run it with `python -m tests.benchmarks.endpoint`. The floor is the time that one request takes, since a server without
a limit could answer all at once. Aim: 200 requests of 0.5 s in under 2 s.
"""

from __future__ import annotations

import time

from resources.endpoint.endpoint import Endpoint
from resources.models.calls import Prompt, Sampling
from tests.support.odd_server import OddServer, Said, completion

REQUESTS = 200
SECONDS = 0.5
RUNS = 5


def main() -> None:
    """Prints the seconds of each run, and the most requests in flight."""
    prompts = [Prompt.ask(f"What is plant {number}?", seed=number) for number in range(REQUESTS)]
    with OddServer(lambda asked: Said(completion(), delay=SECONDS)).serving() as server:
        for _ in range(RUNS):
            began = time.monotonic()
            answers = sum(len(group) for group in Endpoint(server.base, "tiny").complete(prompts, Sampling(40)))
            took = time.monotonic() - began
            print(f"{answers} answers in {took:.2f} s (floor {SECONDS} s), {server.most_in_flight} in flight at most")


if __name__ == "__main__":
    main()
