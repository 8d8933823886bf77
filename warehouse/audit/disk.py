"""How much disk a warehouse uses, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from warehouse.store.checkpoints import CHECKPOINTS
from warehouse.store.file_warehouse import FILE
from warehouse.store.warehouse import Warehouse

CACHE = "cache"
"""The folder of a warehouse with its own downloads, from before there was a cache for all warehouses."""


@dataclass(frozen=True)
class DiskUse:
    """Bytes on the disk: the DuckDB file, or the tables on a server; checkpoints; downloaded models and sources in the
    warehouse itself and in the cache for all warehouses; and whatever else is in the folder of the warehouse, such as
    Dagster's history."""

    database: int
    checkpoints: int
    own_downloads: int
    shared_downloads: int
    other: int

    @property
    def warehouse(self) -> int:
        """What the warehouse itself uses, without the cache for all warehouses."""
        return self.database + self.checkpoints + self.own_downloads + self.other

    @property
    def in_words(self) -> str:
        """What is not 0.0 MiB: "12.3 MiB database, 4.0 MiB checkpoints"."""
        names = {
            "database": self.database,
            "checkpoints": self.checkpoints,
            "downloads": self.own_downloads,
            "other files": self.other,
            "downloads for all warehouses": self.shared_downloads,
        }
        return ", ".join(f"{size / 2**20:,.1f} MiB {name}" for name, size in names.items() if size >= 2**20 / 20)


def disk_use(warehouse: Path, shared: Path | None = None, database: Warehouse | None = None) -> DiskUse:
    """The disk use of the folder of a warehouse, and of the cache `shared` by all warehouses; 0 for what is not there.

    The tables and checkpoints of `database` count, wherever they are; without one, those in the folder. A file with
    several names counts once. Raises WarehouseError where a server cannot be reached. Worked example:
    `disk_use(project.warehouse, cache_path(), project.database).database`."""
    seen = set[tuple[int, int]]()
    file = _size([warehouse / FILE, warehouse / f"{FILE}.wal"], seen)
    if database is not None and database.place != str(warehouse / FILE):
        file += database.size()
    checkpoints = _size([(database.folder if database else warehouse) / CHECKPOINTS], seen)
    own = _size([warehouse / CACHE], seen)
    other = _size([warehouse], seen)
    return DiskUse(file, checkpoints, own, _size([shared] if shared else [], seen), other)


def _size(places: list[Path], seen: set[tuple[int, int]]) -> int:
    """Bytes of the files at and below some places that are not among those `seen`."""
    total = 0
    for place in places:
        for file in [place, *place.rglob("*")] if place.is_dir() else [place]:
            try:
                found = file.lstat()
            except OSError:
                continue  # a build may remove it meanwhile
            if not file.is_dir() and (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                total += found.st_size
    return total
