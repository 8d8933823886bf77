"""What a process of its own took: the time, and the memory that the operating system says it had at most."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.tiny import ROOT

# A process counts the memory of the one that started it as its own, so a small one starts it.
MEASURE = (
    "import resource, subprocess, sys, time; began = time.monotonic(); "
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds, and the most memory in MiB."""

    seconds: float
    memory: float


def cost_of(words: Sequence[str]) -> Cost:
    """What a process of this Python with these arguments took. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *words], cwd=ROOT, check=True, capture_output=True, text=True
    )
    seconds, kibibytes = done.stdout.split()[-2:]
    return Cost(float(seconds), int(kibibytes) / 1024)
