"""All benchmarks there are: every file of this folder that declares one."""

from __future__ import annotations

from collections.abc import Mapping

from assets.evaluation.benchmark import Benchmark
from assets.steps.discovery import declared


def benchmarks() -> Mapping[str, Benchmark]:
    """Name to benchmark, by name."""
    return declared("assets.evaluation.benchmarks", "BENCHMARK")
