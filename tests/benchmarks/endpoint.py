"""How busy the endpoint client keeps a server, and a fleet: seconds for many requests that each take half a second.

Run it with `python -m tests.benchmarks.endpoint`. The floor is the time that one request takes, since a server without
a limit could answer all at once. Aim: 200 requests of 0.5 s in under 2 s. Then one server and three servers answer as
many requests, of which each gets at most IN_FLIGHT at a time; in the last line one of three is killed on the way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

from resources.endpoint.answer import Written
from resources.endpoint.endpoint import Endpoint
from resources.endpoint.request import PromptRequest
from resources.endpoint.settings import Settings
from resources.models.calls import Prompt, Sampling
from tests.support.odd_server import OddServer, Said, completion

REQUESTS = 200
SECONDS = 0.5
RUNS = 5
IN_FLIGHT = 8


def main() -> None:
    """Prints the seconds of each run, and the most requests in flight."""
    requests = [PromptRequest(Prompt.ask(f"What is plant {n}?", seed=n), Sampling(40)) for n in range(REQUESTS)]
    with OddServer(lambda asked: Said(completion(), delay=SECONDS)).serving() as server:
        for _ in range(RUNS):
            began = time.monotonic()
            answers = sum(len(group) for group in Endpoint(server.base, "tiny").ask(requests))
            took = time.monotonic() - began
            print(f"{answers} answers in {took:.2f} s (floor {SECONDS} s), {server.most_in_flight} in flight at most")
    alone = fleet_seconds(requests, 1)
    for servers, killed in ((3, False), (3, True)):
        took = fleet_seconds(requests, servers, killed)
        what = f"{servers} servers{', one killed at a third' if killed else ''}"
        print(f"{what}: {took:.2f} s, {alone / took:.2f} times as fast as one ({alone:.2f} s)")


def fleet_seconds(requests: Sequence[PromptRequest], servers: int, killed: bool = False) -> float:
    """Seconds in which so many servers answer all requests; the last one may be killed after a third of them."""
    with ExitStack() as stack, ExitStack() as dying:
        bases = [
            (dying if killed and number == servers - 1 else stack)
            .enter_context(OddServer(lambda asked: Said(completion(), delay=SECONDS)).serving())
            .base
            for number in range(servers)
        ]
        settings = Settings(in_flight=IN_FLIGHT, patience=60.0)
        began, answers = time.monotonic(), 0
        for group in Endpoint(bases[0], "tiny", settings, tuple(bases[1:])).ask(requests):
            answers += sum(isinstance(one.outcome, Written) for one in group)
            if answers >= len(requests) // 3:
                dying.close()
        assert answers == len(requests)
        return time.monotonic() - began


if __name__ == "__main__":
    main()
