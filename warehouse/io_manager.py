"""Between Dagster and the warehouse: hands assets their inputs, and publishes what they return."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
import polars as pl

from warehouse.result import Result
from warehouse.store import Effort, Published, Store, Target


@dataclass(frozen=True)
class Input:
    """An upstream asset at the version that was current when it was asked for; its rows are read on demand."""

    published: Published
    store: Store

    def frame(self) -> pl.DataFrame:
        """The kept rows, in order."""
        return self.store.read(self.published)


@dataclass(frozen=True)
class Publication:
    """What an asset hands to the warehouse: a new result, or a stored version to point to again.

    `action` is "built", "unchanged" or "restored".
    """

    target: Target
    result: Result | Published
    action: str
    facts: dict[str, object]
    effort: Effort


class WarehouseIOManager(dg.IOManager):
    """Loads inputs lazily and publishes in one transaction."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def load_input(self, context: dg.InputContext) -> Input:
        """The input's current version. Fails if it was never built."""
        asset = "/".join(context.asset_key.path)
        published = self.store.current(asset)
        if published is None:
            raise dg.Failure(f"{asset} has not been built yet; build it first: slingshot build '+{asset}'")
        return Input(published, self.store)

    def handle_output(self, context: dg.OutputContext, obj: Publication) -> None:
        """Publishes rows, decisions, edges and the pointer, or moves the pointer alone."""
        if isinstance(obj.result, Published):
            self.store.reuse(obj.result, obj.action, obj.effort, context.run_id)
        else:
            self.store.publish(obj.target, obj.result, obj.facts, obj.effort, context.run_id)
