"""Computes three parts on a cluster that Slingshot starts on this machine.

Run it with `python -m tests.support.local_cluster HOST`."""

from __future__ import annotations

import os
import sys

from resources.tools.ray_workers import LOCAL, RayCluster, RayWorkers


def part(shared: list[int], one: int) -> tuple[int, int]:
    """The sum of `shared`, and the process that made it."""
    return sum(shared), os.getpid()


def main() -> None:
    """Prints what came, and whether other processes made it."""
    workers = RayWorkers(RayCluster(LOCAL, workers=2, cpus=0.5, host=sys.argv[1]))
    found = sorted(workers.parts(part, [1, 2, 3], [0, 1, 2], "a part"))
    print([(one, total) for one, (total, _) in found], all(process != os.getpid() for _, (_, process) in found))


if __name__ == "__main__":
    main()
