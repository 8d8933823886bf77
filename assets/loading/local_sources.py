"""Checks a recipe against the files that are on this machine: they are there, and have what the templates name."""

from __future__ import annotations

from collections.abc import Iterator

from assets.loading.rules import Problem
from assets.recipe.columns import shared_by_roles
from assets.recipe.types import Recipe
from assets.recipe.values import UNPINNED
from assets.sources.choosing import Choice, unfitting
from assets.sources.reading.read import Reading
from resources.fetching.addresses import Address
from resources.tools.workbench import Workbench
from warehouse.core.errors import UserError

ROLES = ("benchmark_items", "seed_tasks", "documents")
"""The recipe keys with selections of source rows."""


def local_problems(recipe: Recipe, bench: Workbench) -> Iterator[Problem]:
    """What is wrong with local models and sources, and with selections of sources that are on this machine.

    Nothing is downloaded. Whether enough rows are left is not checked; a plan does that.
    """
    for name, model in recipe.models.items():
        yield from _missing(f"models.{name}.address", model.address, bench)
    ways = shared_by_roles(recipe)
    for name, source in recipe.sources.items():
        if missing := list(_missing(f"sources.{name}.address", source.address, bench)):
            yield from missing
            continue
        address = Address.parse(source.address)
        if address.is_endpoint:
            continue
        try:
            pinned = source.sha256 != UNPINNED
            place = bench.find(bench.sources[name]) if pinned else None
            if not pinned and address.scheme == "path":
                place = bench.cache.existing(address)
            reading = Reading(place, source, ways[name].columns) if place else None
            choices = {
                f"{role}.{index}": Choice(selection, ways[name])
                for role in ROLES
                for index, selection in enumerate(recipe.part(role))
                if selection.source == name
            }
            found = list(unfitting(reading, choices)) if reading else []
        except UserError as error:
            yield Problem(f"sources.{name}", source.address, str(error))
            continue
        for path, what in found:
            yield Problem(path, name, what)


def _missing(path: str, text: str, bench: Workbench) -> Iterator[Problem]:
    address = Address.parse(text)
    if address.scheme == "path":
        try:
            bench.cache.existing(address)
        except UserError as error:
            yield Problem(path, text, str(error))
