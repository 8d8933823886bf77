"""The floor of every build: as many empty Dagster assets with as many checks, in the same graph and run alike."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from assets.building.dagster_home import dagster_instance
from assets.building.run import build_assets
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.steps.step import Step


class Nothing(dg.IOManager):
    """Stores nothing, and hands out nothing."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Stores nothing."""

    def load_input(self, context: dg.InputContext) -> None:
        """Hands out nothing."""


def seconds_of_empty_assets(recipe: Path, data: Path, assets: Collection[str] | None = None) -> float:
    """Seconds that `assets` of the recipe's graph (all, if none are named) take when each only passes its checks."""
    began = time.monotonic()
    graph = steps(load_recipe(recipe))
    with dagster_instance(data) as instance:
        definitions = dg.Definitions(
            assets=[_empty(step) for step in graph],
            resources={"nothing": Nothing()},
            executor=dg.in_process_executor,
        )
        failures = build_assets(definitions, instance, assets)
    assert not failures, failures
    return time.monotonic() - began


def _empty(step: Step) -> dg.AssetsDefinition:
    @dg.asset(
        key=step.asset.split("/"),
        ins={name: dg.AssetIn(key=asset.split("/")) for name, asset in step.inputs.items()},
        group_name=step.group,
        check_specs=[dg.AssetCheckSpec(name, asset=step.asset.split("/")) for name in step.every_check],
        io_manager_key="nothing",
    )
    def asset(**inputs: None) -> Iterator[Any]:
        yield dg.Output(None)
        for name in step.every_check:
            yield dg.AssetCheckResult(check_name=name, passed=True)

    return asset
