"""The bookkeeping tables: one pandera model per table of the `lineage` and `memo` schemas in DuckDB."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

OUTCOMES = ("kept", "rejected", "duplicate", "failed", "quarantined")

_ID = r"^[0-9a-f]{32}$"
_SHA256 = r"^[0-9a-f]{64}$"


class KnownRecord(pa.DataFrameModel):
    """Every record ever met. `content` (JSON) is set where the record was not kept when it was first met."""

    id: str = pa.Field(str_matches=_ID, unique=True)
    kind: str
    asset: str
    content: str = pa.Field(nullable=True)


class Edge(pa.DataFrameModel):
    """`child` was made from `parent`, which played `role`. Edges follow from the child's id and never change."""

    child: str = pa.Field(str_matches=_ID)
    parent: str = pa.Field(str_matches=_ID)
    role: str = pa.Field(str_length={"min_value": 1})


class Decision(pa.DataFrameModel):
    """What a version of an asset decided about a record: exactly one row per record and version.

    `position` orders the kept rows; `score` stands against `cut` where a rule compares numbers.
    """

    asset: str
    version: str = pa.Field(str_matches=_ID)
    record: str = pa.Field(str_matches=_ID)
    outcome: str = pa.Field(isin=OUTCOMES)
    reason: str = pa.Field(nullable=True)
    score: float = pa.Field(nullable=True)
    cut: float = pa.Field(nullable=True)
    duplicate_of: str = pa.Field(nullable=True, str_matches=_ID)
    position: int = pa.Field(ge=0)


class Version(pa.DataFrameModel):
    """A published state of an asset, named by the hash of its recipe slice, its code and its inputs.

    `data_version` hashes the kept ids in order: downstream assets depend on it alone. `code` (JSON) holds digests by
    file, `recipe` (JSON) the slice by path, `inputs` (JSON) data versions by asset. `failed` rows are tried again up to
    the recipe's `retries`: each `attempt` is a version of its own. `failed_checks` names the blocking checks that
    failed, with what they found: where it is not empty, nothing is built on the version.
    `incoming` counts the rows that came in, apart from what was decided about them.
    `facts` (JSON) holds what the UI shows again when the version is reused: checks, plots, notes.
    """

    asset: str
    version: str = pa.Field(str_matches=_ID)
    data_version: str = pa.Field(str_matches=_ID)
    kind: str
    attempt: int = pa.Field(ge=0)
    failed: int = pa.Field(ge=0)
    failed_checks: str
    incoming: int = pa.Field(ge=0)
    code: str
    recipe: str
    inputs: str
    facts: str
    created_at: pl.Datetime


class Current(pa.DataFrameModel):
    """Which version of an asset is the published one."""

    asset: str = pa.Field(unique=True)
    version: str = pa.Field(str_matches=_ID)


class Materialization(pa.DataFrameModel):
    """One run of one asset: `built` it, found it `unchanged`, or `restored` an earlier version.

    `recipe` names the whole recipe in force (lineage.recipes). This is history: it stays when the version that it names
    is collected.
    """

    run: str
    recipe: str = pa.Field(str_matches=_SHA256)
    asset: str
    version: str = pa.Field(str_matches=_ID)
    action: str = pa.Field(isin=("built", "unchanged", "restored"))
    computed: int = pa.Field(ge=0)
    from_memo: int = pa.Field(ge=0)
    tokens: int = pa.Field(ge=0)
    seconds: float = pa.Field(ge=0)
    finished_at: pl.Datetime


class Material(pa.DataFrameModel):
    """A model, a source, or an ancestor of these, as a recipe describes it: one row each time that this changed.

    `made_from` (JSON) holds the names of those that it was made from itself. An ancestor is declared and never fetched.
    """

    id: str = pa.Field(str_matches=_ID)
    role: str = pa.Field(isin=("model", "source", "ancestor"))
    name: str
    address: str = pa.Field(nullable=True)
    sha256: str = pa.Field(nullable=True, str_matches=_SHA256)
    licence: str
    origin: str = pa.Field(nullable=True)
    made_from: str
    recorded_at: pl.Datetime


class WholeRecipe(pa.DataFrameModel):
    """A recipe that a build was made from, as JSON with every default spelt out; `digest` is its SHA-256."""

    digest: str = pa.Field(unique=True, str_matches=_SHA256)
    recipe: str


class Withdrawal(pa.DataFrameModel):
    """Something that no build may use any more: the record, source or model `id`, as `shown`, for a `reason`.

    `text` is set for a source row: the SHA-256 of its main text as it is known again, so that it is recognised in any
    role and under any id, and need not be kept for that.
    """

    id: str = pa.Field(unique=True, str_matches=_ID)
    kind: str
    shown: str
    text: str = pa.Field(nullable=True, str_matches=_SHA256)
    reason: str = pa.Field(str_length={"min_value": 1})
    withdrawn_at: pl.Datetime


class Export(pa.DataFrameModel):
    """Files that were written of a version, for use outside: `files` (JSON) holds the SHA-256 of each by its name.

    `override` is set where the version holds what was withdrawn: why it was written all the same.
    """

    asset: str
    version: str = pa.Field(str_matches=_ID)
    folder: str
    files: str
    override: str = pa.Field(nullable=True)
    exported_at: pl.Datetime


class ModelCall(pa.DataFrameModel):
    """A finished model call. `request` and `response` are JSON; an embedding's answer is in `vector`.

    `complete` is false where a completion was cut off at `budget` tokens (budget 0: the call has none).
    """

    key: str = pa.Field(str_matches=_ID)
    kind: str = pa.Field(isin=("completion", "loss", "embedding", "training"))
    model: str = pa.Field(str_matches=_ID)
    request: str
    budget: int = pa.Field(ge=0)
    complete: bool
    response: str
    vector: pl.List = pa.Field(dtype_kwargs={"inner": pl.Float32}, nullable=True)
    tokens: int = pa.Field(ge=0)
    seconds: float = pa.Field(ge=0)
    engine: str
    created_at: pl.Datetime


class ModelFailure(pa.DataFrameModel):
    """A model call at which the model or its endpoint failed: one row per attempt, and never an answer."""

    key: str = pa.Field(str_matches=_ID)
    kind: str = pa.Field(isin=("completion", "loss", "embedding", "training"))
    model: str = pa.Field(str_matches=_ID)
    request: str
    error: str = pa.Field(str_length={"min_value": 1})
    engine: str
    failed_at: pl.Datetime


LINEAGE: dict[str, type[pa.DataFrameModel]] = {
    "records": KnownRecord,
    "edges": Edge,
    "decisions": Decision,
    "versions": Version,
    "current": Current,
    "materializations": Materialization,
    "materials": Material,
    "recipes": WholeRecipe,
    "exports": Export,
    "withdrawals": Withdrawal,
}

MEMO: dict[str, type[pa.DataFrameModel]] = {"calls": ModelCall, "failures": ModelFailure}
