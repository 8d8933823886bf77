"""Between Dagster and the warehouse: hands assets their inputs, and publishes what they return."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import polars as pl

from warehouse.results.result import Result
from warehouse.store.versions import Catalog, Effort, Published, Run, Store, Target


@dataclass(frozen=True)
class Input:
    """An upstream asset; nothing is read before it is asked for."""

    asset: str
    store: Store

    def published(self, catalog: Catalog) -> Published:
        """Its current version. Fails if it was never built, or failed a check that blocks."""
        published = catalog.current(self.asset)
        if published is None:
            raise dg.Failure(f"{self.asset} has not been built yet; build it first: slingshot build '+{self.asset}'")
        if published.fault:
            raise dg.Failure(published.fault, allow_retries=False)
        return published

    def frame(self) -> pl.DataFrame:
        """The kept rows of its current version, in order. Fails as `published` does."""
        return self.store.read(self.published(self.store.catalog()))


@dataclass(frozen=True)
class Publication:
    """What an asset hands to the warehouse: a new result, or a stored version to point to again.

    `action` is "built", "unchanged" or "restored"; `recipe` is the whole recipe in force (JSON); `failed_checks` names
    the blocking checks that failed, with what they found.
    """

    target: Target
    result: Result | Published
    action: str
    facts: dict[str, object]
    effort: Effort
    recipe: str
    failed_checks: str = ""


class WarehouseIOManager(dg.IOManager):
    """Loads inputs lazily and publishes in one transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def load_input(self, context: dg.InputContext) -> Input:
        """The input as it is in the warehouse."""
        return Input("/".join(context.asset_key.path), self.store)

    def handle_output(self, context: dg.OutputContext, obj: Publication) -> None:
        """Publishes rows, decisions, edges and the pointer, or moves the pointer alone."""
        run = Run(context.run_id, obj.recipe)
        if isinstance(obj.result, Published):
            self.store.reuse(obj.result, obj.action, obj.effort, run)
        else:
            self.store.publish(obj.target, obj.result, obj.facts, obj.effort, run, obj.failed_checks)
