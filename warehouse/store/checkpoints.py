"""The files of checkpoints. They are outside the database, so they are compared with the hashes in it before use.

A training call in the memo has the SHA-256 of every file that the training wrote. Calls from before that was recorded
only have that of the weights; then the other files are not compared. Names that start with "." do not count: file
managers write such files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from warehouse.core.file_digests import FileDigests
from warehouse.core.identity import file_digest
from warehouse.core.texts import listed
from warehouse.schema.records import KIND_OF, Checkpoint
from warehouse.store.published import Published
from warehouse.store.stored_json import answer_of_call
from warehouse.store.warehouse import Warehouse

WEIGHTS = "adapter_model.safetensors"
SETTINGS = "adapter_config.json"
"""The files of an adapter."""

MODEL_WEIGHTS = "model.safetensors"
MODEL_SETTINGS = "config.json"
"""The files of a model of which all weights were trained."""

CHECKPOINTS = "checkpoints"
"""The folder of a warehouse with one folder per training call."""

Files = Mapping[str, str]
"""SHA-256 by name of file."""


def checkpoints_folder(database: Warehouse) -> Path:
    """The folder that has one folder per training call."""
    return database.folder / CHECKPOINTS


def is_model(folder: Path) -> bool:
    """Whether a checkpoint's folder has a whole model, not an adapter."""
    return (folder / MODEL_WEIGHTS).is_file()


@dataclass(frozen=True)
class CheckpointFiles:
    """The files of the checkpoints of a warehouse. A file that has not changed is read once."""

    database: Warehouse
    _digests: FileDigests = field(default_factory=FileDigests)

    def folder(self, training: str) -> Path:
        """Where the files of the training call `training` are."""
        return checkpoints_folder(self.database) / training

    def found(self, training: str) -> dict[str, str]:
        """The digests of the files that are there. Raises OSError, also where there is no folder."""
        found = {}
        for one in sorted(self.folder(training).iterdir()):
            if not one.name.startswith("."):
                if not one.is_file():  # a pipe would be read for ever
                    raise OSError(f"{one.name} is not a file")
                found[one.name] = self._digests.of(one)
        return found

    def share(self, training: str) -> None:
        """Copies the files of a training to where other machines find them, if there is such a place."""
        if remote := self.database.remote:
            remote.put(_shared_at(training, self.found(training)), self.folder(training), self._digests.of)

    def is_shared(self, training: str, weights: str) -> bool:
        """Whether other machines find the files of a training with these weights elsewhere than in this folder."""
        remote = self.database.remote
        return remote is not None and remote.has(_key(training, weights))

    def unshare(self, training: str, weights: str) -> None:
        """Deletes the files of a training with these weights where other machines find them."""
        if remote := self.database.remote:
            remote.remove(_key(training, weights))

    def fetch(self, training: str, recorded: Files, place: Path | None = None) -> bool:
        """Replaces the files of a training, or in `place`, by those that other machines shared; false without any."""
        remote, key = self.database.remote, _shared_at(training, recorded)
        return remote is not None and bool(key) and remote.get(key, place or self.folder(training))

    def fault(self, training: str, weights: str | None = None) -> str | None:
        """How the files of a training differ from those on record; None if they do not, here or where they are shared.

        `weights` is the SHA-256 of the weights, if it is known from elsewhere, such as the record of a checkpoint.
        """
        with self.database.read() as connection:
            return self.fault_beside(training, self._recorded(connection, training, weights))

    def fault_here(self, training: str, weights: str | None = None) -> str | None:
        """As `fault`, after the files were fetched to this machine where it does not have them."""
        with self.database.read() as connection:
            recorded = self._recorded(connection, training, weights)
        return self.fault_on_disk(training, recorded)

    def fault_on_disk(self, training: str, recorded: Files) -> str | None:
        """How the files of a training differ from `recorded`, after they were fetched where others are here, or none.

        Asks no database."""
        fault = self.local_fault(training, recorded)
        return self.local_fault(training, recorded) if fault and self.fetch(training, recorded) else fault

    def take(self, other: CheckpointFiles, training: str) -> str | None:
        """Copies the files of a training from another warehouse, whole or not at all.

        Returns what is wrong with those there, or with those that are here already; None if nothing is.
        """
        recorded, place = other.recorded(training), self.folder(training)
        if fault := other.fault_beside(training, recorded):
            return fault
        if not place.exists():
            if other.local_fault(training, recorded):
                other.fetch(training, recorded, place)
            elif fault := other.copy(training, place):
                return fault
        if fault := self.local_fault(training, recorded):
            return f"{place} has other files: {fault}"
        self.share(training)
        return None

    def copy(self, training: str, place: Path) -> str | None:
        """Copies the files of a training to `place`, whole or not at all. Returns what is wrong; None if nothing is."""
        part = place.with_name(f".{place.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for name, sha256 in self.found(training).items():
            shutil.copyfile(self.folder(training) / name, part / name)
            if file_digest(part / name) != sha256:
                return f"{name} changed while it was copied"
        part.rename(place)
        return None

    def faults(self, published: Published) -> list[str]:
        """The faults of all checkpoints that a version keeps; of an asset without checkpoints there are none."""
        if published.kind != KIND_OF[Checkpoint]:
            return []
        with self.database.read() as connection:
            kept = connection.execute(
                "SELECT r.training, r.weights FROM lineage.decisions d JOIN records.checkpoint r ON r.id = d.record "
                "WHERE d.asset = ? AND d.version = ? AND d.outcome = 'kept' ORDER BY d.position",
                [published.asset, published.version],
            ).fetchall()
            return self._faults((training, self._recorded(connection, training, weights)) for training, weights in kept)

    def all_faults(self) -> list[str]:
        """The faults of all checkpoints on record, apart from those whose answer in the memo cannot be read.

        A training that was repeated may have given other weights; then a record that is not current any more has no
        files. A method trains its own adapter again if needed, so that may be missing, but not changed.
        """
        with self.database.read() as connection:
            rows = connection.execute(
                "SELECT training, weights, c.response ->> 'weights', bool_or(r.id IN (SELECT record "
                "FROM lineage.decisions SEMI JOIN lineage.pointers USING (asset, version))) FROM records.checkpoint r "
                "FULL JOIN (SELECT key AS training, response FROM memo.calls WHERE kind = 'training') c "
                "USING (training) WHERE response IS NULL "
                "OR CASE WHEN json_valid(response) THEN json_type(response) = 'OBJECT' ELSE false END "
                "GROUP BY ALL ORDER BY ALL"
            ).fetchall()
            recorded = [
                (training, self._recorded(connection, training, weights))
                for training, weights, latest, is_current in rows
                if is_current or (weights == (latest or weights) if weights else self.folder(training).exists())
            ]
        return self._faults(recorded)

    def made_by(self, training: str) -> str | None:
        """An asset whose current version keeps the checkpoint of a training; None if there is none."""
        with self.database.read() as connection:
            row = connection.execute(
                "SELECT min(asset) FROM lineage.current JOIN lineage.decisions d USING (asset, version) "
                "JOIN records.checkpoint r ON r.id = d.record WHERE r.training = ? AND d.outcome = 'kept'",
                [training],
            ).fetchone()
        return row[0] if row else None

    def recorded(self, training: str) -> Files:
        """The files that a training wrote, by the memo; none where it is not there."""
        with self.database.read() as connection:
            return self._recorded(connection, training, None)

    def is_whole(self, training: str) -> bool:
        """Whether a training on record wrote a whole model, not an adapter."""
        return MODEL_WEIGHTS in self.recorded(training)

    def _recorded(self, connection: duckdb.DuckDBPyConnection, training: str, weights: str | None) -> Files:
        """The files that a training wrote, by the memo and by `weights`."""
        row = connection.execute("SELECT response FROM memo.calls WHERE key = ?", [training]).fetchone()
        response = answer_of_call(self.database.place, training, row[0]) if row else {}
        files: dict[str, str] = dict(response.get("files", {}))
        # If the training was repeated and gave other weights, those of the record are gone.
        wanted = weights or response.get("weights")
        whole = MODEL_WEIGHTS in files if files else is_model(self.folder(training))
        return files | {MODEL_WEIGHTS if whole else WEIGHTS: wanted} if wanted else files

    def _faults(self, recorded: Iterable[tuple[str, Files]]) -> list[str]:
        found = ((training, self.fault_beside(training, files)) for training, files in recorded)
        return [f"checkpoints/{training}: {fault}" for training, fault in found if fault]

    def fault_beside(self, training: str, recorded: Files) -> str | None:
        """How the files of a training differ from `recorded`; None if they do not, here or where they are shared.

        Asks no database, and fetches nothing."""
        fault, remote = self.local_fault(training, recorded), self.database.remote
        if fault is None or remote is None:
            return fault
        key = _shared_at(training, recorded)
        shared = remote.files(key) if key else None
        return fault if shared is None else _differences(shared, recorded)

    def local_fault(self, training: str, recorded: Files) -> str | None:
        """How the files of a training on this machine differ from `recorded`; None if they do not."""
        try:
            found = self.found(training)
        except FileNotFoundError:
            return "it is missing"
        except NotADirectoryError:
            return "it is a file, not a folder"
        except OSError as error:
            return f"it cannot be read: {error}"
        return _differences(found, recorded)


def _shared_at(training: str, files: Files) -> str:
    """Where the files of a training are shared; "" where its weights are not known."""
    weights = files.get(MODEL_WEIGHTS) or files.get(WEIGHTS)
    return _key(training, weights) if weights else ""


def _key(training: str, weights: str) -> str:
    # By the weights too: on other processors a training may give others, which must not replace these.
    return f"{CHECKPOINTS}/{training}-{weights[:16]}"


def _differences(found: Files, recorded: Files) -> str | None:
    """How the digests of files, by name, differ from those on record; None if they do not."""
    settings, weights = (MODEL_SETTINGS, MODEL_WEIGHTS) if MODEL_WEIGHTS in recorded else (SETTINGS, WEIGHTS)
    wanted = dict.fromkeys((settings, weights)) | dict(recorded)
    missing = [name for name in wanted if name not in found]
    changed = [name for name, sha256 in wanted.items() if sha256 and found.get(name, sha256) != sha256]
    added = [name for name in found if name not in wanted] if settings in recorded else []
    faults = (("missing", missing), ("changed", changed), ("not from the training", added))
    return "; ".join(f"{what}: {listed(names)}" for what, names in faults if names) or None
