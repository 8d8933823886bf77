"""A recipe and a warehouse as one Python object. The commands and the module `slingshot` are thin layers over it.

Importing this module loads neither Dagster nor polars nor a model library: each method imports what it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from assets.commands.results import BadQuery, BuildFailed, BuildStopped, Built, NoSuchAsset
from resources.tools.locations import cache_path, deployment_path, environment_name, recipe_path, warehouse_path
from warehouse.core.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from assets.building.display import Display
    from assets.building.recorder import Recorder
    from assets.building.run import Failure
    from assets.planning.plan import Planner
    from assets.planning.planned import Planned, State
    from assets.recipe.types import Recipe
    from assets.steps.step import Step
    from resources.tools.workbench import Workbench
    from warehouse.audit.review import Review
    from warehouse.audit.status import AssetStatus
    from warehouse.audit.why import Why
    from warehouse.audit.why_not import Answers
    from warehouse.store.published import Published
    from warehouse.store.versions import Store
    from warehouse.store.warehouse import Warehouse

__all__ = ["BadQuery", "BuildFailed", "BuildStopped", "Built", "NoSuchAsset", "Project", "project_at"]


@dataclass(frozen=True)
class Project:
    """A recipe file and the folder of a warehouse, both as absolute paths.

    The recipe is read once, when it is first needed: open the project again after an edit. Models stay loaded between
    builds of one project. No path is passed on through environment variables. The tables are where the deployment file
    says, unless they are `embedded` in a file of the warehouse. Every method that needs the recipe raises RecipeError
    where the recipe cannot be used.
    """

    recipe_file: Path
    warehouse: Path
    environment: str = ""
    sample_rows: int | None = None
    embedded: bool = False

    @cached_property
    def recipe(self) -> Recipe:
        """The checked recipe, of a sample the one that is cut. Raises RecipeError."""
        from assets.loading.file import load_recipe
        from assets.loading.sample import sampled

        loaded = load_recipe(self.recipe_file)
        return loaded if self.sample_rows is None else sampled(loaded, self.sample_rows)

    def sample(self, rows: int) -> Project:
        """The same recipe cut down to `rows` rows for each selection and method (see assets/loading/sample.py), with
        the folder sample of this warehouse as its own: `project.sample(8).build()` replaces no version of this one.
        """
        return Project(self.recipe_file, self.warehouse / "sample", self.environment, rows, embedded=True)

    @cached_property
    def steps(self) -> list[Step]:
        """The assets of the recipe, each after those that it reads."""
        from assets.planning.graph import steps

        return steps(self.recipe)

    @cached_property
    def bench(self) -> Workbench:
        """The models and sources of the recipe, fetched and loaded when they are first used."""
        from assets.loading.bench import workbench

        older = () if self.sample_rows is None else (self.warehouse.parent / "cache",)
        folder = self.recipe_file.parent
        return workbench(self.recipe, self.warehouse, folder, cache_path(), self.environment, older, self.embedded)

    @cached_property
    def store(self) -> Store:
        """The stored versions. No recipe is needed."""
        from warehouse.store.places import EMBEDDED, warehouse_at
        from warehouse.store.versions import Store

        tables, folder = EMBEDDED, self.recipe_file.parent
        # Reading a deployment file loads pydantic, which most commands do not need.
        if deployment_path(folder):
            from assets.loading.deployment import tables_for

            tables = tables_for(folder, self.embedded)
        return Store(warehouse_at(self.warehouse, tables, self.environment))

    @property
    def database(self) -> Warehouse:
        """The tables of the warehouse. No recipe is needed."""
        return self.store.database

    def plan(self, selection: str | None = None) -> list[Planned]:
        """What a build would do to each asset, why, and what it would cost; computes and writes nothing.

        `selection` is in Dagster's syntax, such as "+leaderboard"; without one, all assets are planned. Raises
        BadSelection where it selects nothing, and UserError where the recipe is not pinned.

        Example: `[one.asset for one in project.plan() if one.state != "fresh"]` are the assets that are not fresh.
        """
        return self._planner(forecast=True).plan(self.steps, self._selected(selection))

    def _selected(self, selection: str | None) -> frozenset[str] | None:
        """The assets that a selection matches; None for all of them, without one."""
        if selection is None:
            return None
        from assets.building.define import define
        from assets.building.run import selected

        return selected(define(self.recipe, self.bench), selection)

    def build(self, selection: str | None = None, display: Display | None = None) -> Built:
        """Builds what is stale, of everything or of a selection (see `plan`), in this process.

        `display` follows the build, such as TerminalDisplay in assets/building/display.py; without one, nothing is
        shown. Raises BuildFailed, whose message names each asset that failed and why; BadSelection where the selection
        selects nothing; UserError where the recipe is not pinned; and BuildStopped, a KeyboardInterrupt, after Ctrl-C.

        Example: `project.build("+training_sets/self_instruct").built` are the assets that were computed.
        """
        from assets.building.recorder import Recorder

        recorder = Recorder(display)
        try:
            plan = self._planner(forecast=False).plan(self.steps, self._selected(selection))
            stale = [one.asset for one in plan if one.state != "fresh"]
            recorder.planned(stale, len(plan) - len(stale))
            failures = self._build(stale, recorder) if stale else []
        except KeyboardInterrupt as interrupt:
            raise recorder.interrupt or BuildStopped(recorder.running, len(recorder.actions)) from interrupt
        if failures:
            raise BuildFailed(failures)
        return Built(
            *(
                tuple(one.asset for one in plan if recorder.actions.get(one.asset, "unchanged") == action)
                for action in ("built", "restored", "unchanged")
            )
        )

    def _build(self, assets: Sequence[str], recorder: Recorder) -> list[Failure]:
        # Dagster is loaded only where there is something to build: that takes longer than the plan.
        from assets.building.dagster_home import dagster_instance
        from assets.building.dead_runs import close_dead_runs
        from assets.building.define import define
        from assets.building.run import build_assets
        from assets.loading.deployment import dagster_for

        deployed = dagster_for(self.recipe_file.parent)
        with dagster_instance(self.warehouse, deployed) as instance:
            close_dead_runs(instance, deployed)
            return build_assets(define(self.recipe, self.bench, recorder), instance, assets)

    def require_buildable(self) -> None:
        """Raises RecipeError, and UserError where the sha256 of a model or source is not pinned yet, or a model that
        is on this machine lacks the layers that are to be trained."""
        from assets.loading.local_models import refuse_missing_layers
        from assets.loading.pinning import refuse_unpinned

        refuse_unpinned(self.recipe, self.recipe_file)
        refuse_missing_layers(self.recipe, self.bench, self.recipe_file)

    def _planner(self, forecast: bool) -> Planner:
        from assets.planning.plan import Planner

        self.require_buildable()
        return Planner(self.bench, self.recipe.retries, forecast=forecast)

    def current(self, asset: str) -> Published:
        """The current version of an asset. Raises NoSuchAsset, and NotBuilt where it has none yet."""
        from assets.building.materialize import NotBuilt

        published = self.store.catalog().published
        if asset in published:
            return published[asset]
        known = {step.asset for step in self.steps}
        if asset in known:
            raise NotBuilt(f"{asset} has not been built yet; build it first: slingshot build '+{asset}'")
        from warehouse.core.texts import nearest

        raise NoSuchAsset(f"no asset is named {asset!r}; {nearest(asset, known | published.keys())}")

    def rows(self, asset: str) -> pl.DataFrame:
        """The kept rows of the current version of an asset, in order. Raises NoSuchAsset and NotBuilt.

        Example: `project.rows("training_sets/self_instruct").select("instruction", "response")`.
        """
        return self.store.read(self.current(asset))

    def show(
        self,
        asset: str,
        outcome: str | Sequence[str] = (),
        reason: str | None = None,
        arm: str | None = None,
        where: str | None = None,
        limit: int = 10,
        random: int | None = None,
        seed: int | None = None,
    ) -> pl.DataFrame:
        """Rows that the current version of an asset kept or did not keep, each with its decision. No recipe is needed.

        All conditions must hold: one of the outcomes, a text in the reason, an arm, and a condition in SQL. With
        `random`, so many rows are drawn, with a `seed` always the same. The columns are those of `Rows.frame` in
        warehouse/audit/rows.py. Raises NotFound, BadCondition and UserError.

        Example: `project.show("raw_self_instruct", "rejected", where="length(response) > 200")`.
        """
        from warehouse.audit.row_query import Wanted
        from warehouse.audit.rows import find_rows

        outcomes = [outcome] if isinstance(outcome, str) else outcome
        return find_rows(self.store, asset, Wanted(outcomes, reason, arm, where, limit, random, seed)).frame

    def leaderboard(self) -> pl.DataFrame:
        """The leaderboard: one row per benchmark, metric and arm. Raises NotBuilt where it is not built yet."""
        return self.rows("leaderboard")

    def status(self) -> list[AssetStatus]:
        """The version, the rows by outcome and the cost of the last build, for each asset of the recipe in order."""
        from warehouse.audit.status import status

        return status(self.database, [step.asset for step in self.steps])

    def states(self) -> dict[str, State]:
        """Whether each asset of the recipe is fresh, in the words of `plan`; nothing where the recipe is not pinned."""
        try:
            planner = self._planner(forecast=False)
        except UserError:
            return {}
        return {one.asset: one.state for one in planner.plan(self.steps)}

    def engines(self) -> dict[str, str]:
        """What writes the completions of each model of the recipe on this machine: an engine and its numbers, such as
        "openvino, float32 on cpu", or the address of a server."""
        from assets.loading.local_models import engines

        return engines(self.recipe, self.bench)

    def review(self, against: str = "") -> Review:
        """What differs between the environment `against` ("" for the main one) and that of this project."""
        from warehouse.audit.review import review

        return review(self.database, against)

    def why(self, row: str) -> Why:
        """Where a row comes from, found by its id or the first digits: its texts, prompts, models, scores and sources.
        No recipe is needed. Raises Unknown and Ambiguous."""
        from warehouse.audit.why import why

        return why(self.database, row)

    def why_not(self, text: str, limit: int = 5) -> Answers:
        """Where rows were dropped, by which rule, and what they repeat.

        `text` is the id of a row, or words that rows contain; the `limit` most relevant are returned. Where no row on
        record has it, the sources of the recipe are searched too. Raises NotFound and UserError."""
        from assets.commands.source_rows import why_not

        return why_not(self.store, lambda: (self.recipe, self.bench), text, limit)

    def export(self, arm: str, to: str | Path, version: str | None = None, override: str | None = None) -> list[Path]:
        """Writes the training set of an arm into the folder `to`, with a dataset card; the paths of all files.

        `datasets.load_dataset(to, arm)` opens it; an arm that is in the folder already stays there. What
        `training.validation` holds out is the split `validation`. `version` is the start of an earlier version's id,
        `override` the reason to write rows that were withdrawn. Raises UserError if the recipe has no such arm, if
        nothing is built, if the version failed a blocking check, for withdrawn rows without an override, for a blank
        override, and if the folder has files that no export wrote.
        """
        from assets.commands.exports import export_training_set

        return export_training_set(self.recipe, self.store, arm, Path(to), version, override)

    def export_student(self, arm: str, to: str | Path, seed: int | None = None, merged: bool = False) -> Path:
        """Writes the student of an arm into `to`/ARM-SEED with a model card: as an adapter that peft loads or, if it is
        `merged`, as one model that transformers loads; its path.

        `seed` is the student's training seed, by default the first one. Raises UserError if the recipe has no such arm,
        if there is no such student, if it was made from something withdrawn, or if the folder exists.
        """
        from assets.commands.exports import export_student

        return export_student(self.recipe, self.bench, arm, Path(to), seed, merged)

    def sql(self, query: str) -> pl.DataFrame:
        """What a query in DuckDB's SQL finds in the warehouse. No recipe is needed.

        The kept rows of an asset are the view of its name, with "__" for "/". Raises BadQuery where the query is not
        valid, is more than one statement, or is no SELECT.

        Example: `project.sql("SELECT outcome, count(*) FROM lineage.decisions GROUP BY outcome")`.
        """
        from assets.commands.sql import select

        return select(self.database, query)


def project_at(
    recipe: str | Path | None = None, warehouse: str | Path | None = None, environment: str | None = None
) -> Project:
    """The project of a recipe file and a warehouse folder, neither of which is read yet.

    What is not given is found as in `slingshot.open`. Raises UserError where an environment cannot have this name.
    """
    return Project(
        recipe_path() if recipe is None else Path(recipe).resolve(),
        warehouse_path() if warehouse is None else Path(warehouse).resolve(),
        environment_name(environment),
    )
