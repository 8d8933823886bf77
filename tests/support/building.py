"""Builds a recipe file in this process, as `slingshot build` does, and returns what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import yaml

from assets.building.dagster_home import dagster_instance
from assets.building.define import define
from assets.building.display import Display
from assets.building.run import Failure, build_assets, selected
from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from assets.planning.graph import steps
from assets.planning.plan import Planner
from assets.planning.planned import Planned
from warehouse.store.places import EMBEDDED, Tables, warehouse_at
from warehouse.store.published import Effort
from warehouse.store.versions import Store


@dataclass
class Log(Display):
    """What a build did, by asset."""

    actions: dict[str, str] = field(default_factory=dict)
    computed: dict[str, int] = field(default_factory=dict)

    def finished(self, asset: str, action: str, facts: dict[str, Any], effort: Effort) -> None:
        self.actions[asset] = action
        self.computed[asset] = effort.computed


def build(
    recipe: Path,
    data: Path,
    selection: str | None = None,
    cache: Path | None = None,
    everything: bool = False,
    history: bool = False,
) -> tuple[Log, list[Failure]]:
    """Builds the stale assets of `recipe` into the warehouse folder `data`; `everything` builds all, as in the UI.

    Without `history`, Dagster keeps its events in memory: rows do not depend on them, and files of them take seconds.
    """
    loaded, log = load_recipe(recipe), Log()
    bench = workbench(loaded, data, recipe.parent, cache)
    with dagster_instance(data) if history else dg.DagsterInstance.ephemeral() as instance:
        definitions = define(loaded, bench, log)
        if everything:
            return log, build_assets(definitions, instance)
        plan = Planner(bench, loaded.retries, forecast=False).plan(steps(loaded), selected(definitions, selection))
        return log, build_assets(definitions, instance, [one.asset for one in plan if one.state != "fresh"])


def planned(recipe: Path, data: Path, cache: Path | None = None, selection: str | None = None) -> dict[str, Planned]:
    """The plan of `recipe`, by asset, as `slingshot plan` shows it."""
    loaded = load_recipe(recipe)
    bench = workbench(loaded, data, recipe.parent, cache)
    chosen = selected(define(loaded, bench), selection) if selection else None
    return {one.asset: one for one in Planner(bench, loaded.retries).plan(steps(loaded), chosen)}


def edit(recipe: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the recipe file in place."""
    values = yaml.safe_load(recipe.read_text())
    change(values)
    recipe.write_text(yaml.safe_dump(values, sort_keys=False))


def store(data: Path) -> Store:
    """The version store in the warehouse folder."""
    return Store(warehouse_at(data))


def query(data: Path, sql: str, tables: Tables = EMBEDDED) -> pl.DataFrame:
    """The result of an SQL query in the warehouse."""
    with warehouse_at(data, tables).read() as connection:
        return connection.execute(sql).pl()
