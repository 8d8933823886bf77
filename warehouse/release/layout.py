"""The names of the files in a folder of exported training sets; each is a path from the folder, with "/".

data/<arm>/<split>.parquet     what `datasets.load_dataset` opens: a config for each arm
<form>/<arm>/<split>.jsonl     the same rows as JSON lines, by the form of the line
recipes/<arm>.yaml             the recipe of the build, with all defaults
<arm>.intoto.json              the attestation of the files of an arm
README.md, LICENSE, croissant.json   about all arms in the folder
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import PurePosixPath

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLITS = (TRAIN, VALIDATION, TEST)
"""In this order. The rows of a training set are those of `train` and then those of `validation`; `test` has benchmark
items, which are no rows of it."""

CARD, LICENCE, CROISSANT = "README.md", "LICENSE", "croissant.json"
SHARED = (LICENCE, CROISSANT, CARD)
ATTESTATION = ".intoto.json"
"""How the name of an attestation ends."""


def table(arm: str, split: str) -> str:
    """The Parquet file of a split."""
    return f"data/{arm}/{split}.parquet"


def tables_of(arm: str, files: Container[str]) -> list[str]:
    """The Parquet files with the rows of a training set that are among `files`, in the order of the rows."""
    return [name for split in (TRAIN, VALIDATION) if (name := table(arm, split)) in files]


def lines(form: str, arm: str, split: str) -> str:
    """The JSON lines of a split, in one of the forms."""
    return f"{form}/{arm}/{split}.jsonl"


def recipe(arm: str) -> str:
    """The recipe that an arm was built with."""
    return f"recipes/{arm}.yaml"


def split_of(name: str) -> str:
    """The split that the file `name` holds; for a file from before there were splits, a part of its name."""
    return PurePosixPath(name).name.partition(".")[0]


def group_of(name: str) -> str:
    """What the file `name` holds rows of together with others: its folder, or the file alone if it is in none."""
    path = PurePosixPath(name)
    return name if len(path.parts) == 1 else str(path.parent)
