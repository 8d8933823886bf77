"""The bookkeeping tables: one pandera model per table of the `lineage` and `memo` schemas in DuckDB."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

OUTCOMES = ("kept", "rejected", "duplicate", "failed", "quarantined")

ACCEPT, REJECT, EDIT, CLEAR = VERDICTS = ("accept", "reject", "edit", "clear")
"""What a person may decide about a record."""

_ID = r"^[0-9a-f]{32}$"
_SHA256 = r"^[0-9a-f]{64}$"


class KnownRecord(pa.DataFrameModel):
    """Every record that ever came up. `content` (JSON) is set if the record was dropped when it first came up."""

    id: str = pa.Field(str_matches=_ID, unique=True)
    kind: str
    asset: str
    content: str = pa.Field(nullable=True)


class Edge(pa.DataFrameModel):
    """`child` was made from `parent` in the role `role`. The child's id hashes its edges, so they never change."""

    child: str = pa.Field(str_matches=_ID)
    parent: str = pa.Field(str_matches=_ID)
    role: str = pa.Field(str_length={"min_value": 1})


class Decision(pa.DataFrameModel):
    """The decision of a version of an asset about a record: exactly one row per record and version.

    `position` orders the kept rows. `score` and `cut` are set where a rule compares numbers.
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


class Counted(pa.DataFrameModel):
    """So many `rows` that a version of an asset dropped for a reason, and that are not on record one by one.

    Most of these are rows of a source that were not looked at. The source still has them.
    """

    asset: str
    version: str = pa.Field(str_matches=_ID)
    outcome: str = pa.Field(isin=OUTCOMES[1:])
    reason: str = pa.Field(str_length={"min_value": 1})
    rows: int = pa.Field(ge=1)


class Version(pa.DataFrameModel):
    """A published state of an asset. `version` is the hash of its recipe slice, its code and its inputs.

    `data_version` is the hash of the kept ids in order; downstream assets depend on nothing else. `code` (JSON) holds
    digests by file, `recipe` (JSON) the slice by path, `inputs` (JSON) data versions by asset. `failed` rows are tried
    again up to `retries` times; each `attempt` is a separate version. `failed_checks` holds the failed blocking checks
    with their facts; if it is not empty, nothing is built on the version. `incoming` is the number of rows that came
    in, counted independently of the decisions. `facts` (JSON) is what the UI shows when the version is reused: checks,
    plots, notes.
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


class Pointer(pa.DataFrameModel):
    """The published version of an asset in an environment, which is "" for the main one.

    A named environment has a pointer only for an asset whose version differs from that of the main one.
    """

    environment: str
    asset: str
    version: str = pa.Field(str_matches=_ID)


class EnvironmentMove(pa.DataFrameModel):
    """An environment whose pointers were `promoted` to the main one, or `dropped`: so many `pointers`."""

    environment: str
    action: str = pa.Field(isin=("promoted", "dropped"))
    pointers: int = pa.Field(ge=0)
    moved_at: pl.Datetime


class Materialization(pa.DataFrameModel):
    """One run of one asset, which `built` it, found it `unchanged`, or `restored` an earlier version.

    `recipe` is the digest of the whole recipe of the run (lineage.recipes). These rows are history: they stay when the
    version is collected.
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
    """A model, a source or an ancestor as a recipe describes it: a new row each time the description changes.

    `made_from` (JSON) lists the names that it was made from directly. An ancestor is declared and never fetched.
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
    """The recipe of a build as JSON, with all defaults written out. `digest` is its SHA-256."""

    digest: str = pa.Field(unique=True, str_matches=_SHA256)
    recipe: str


class Withdrawal(pa.DataFrameModel):
    """A record, source or model (`id`) that no build may use any more, with the `reason`; `shown` describes it.

    For a source row, `text` is the SHA-256 of its normalized main text. So the text is recognised in any role and under
    any id without being stored.
    """

    id: str = pa.Field(unique=True, str_matches=_ID)
    kind: str
    shown: str
    text: str = pa.Field(nullable=True, str_matches=_SHA256)
    reason: str = pa.Field(str_length={"min_value": 1})
    withdrawn_at: pl.Datetime


class Review(pa.DataFrameModel):
    """What a person decided about a record, and why: a new row each time, of which the latest of a record counts.

    `verdict` "clear" takes the earlier ones back. `content` (JSON) is set for an edit: what the record should say.
    `makers` (JSON) lists the assets that made the record.
    """

    id: str = pa.Field(unique=True, str_matches=_ID)
    record: str = pa.Field(str_matches=_ID)
    kind: str
    verdict: str = pa.Field(isin=VERDICTS)
    content: str = pa.Field(nullable=True)
    makers: str
    reviewer: str = pa.Field(str_length={"min_value": 1})
    reason: str = pa.Field(str_length={"min_value": 1})
    reviewed_at: pl.Datetime


class Export(pa.DataFrameModel):
    """An export of a version: `files` (JSON) holds the SHA-256 of each file by name.

    `override` is the reason for exporting a version that contains something withdrawn.
    """

    asset: str
    version: str = pa.Field(str_matches=_ID)
    folder: str
    files: str
    override: str = pa.Field(nullable=True)
    exported_at: pl.Datetime


class ModelCall(pa.DataFrameModel):
    """A finished model call. `request` and `response` are JSON; the answer to an embedding call is in `vector`.

    `complete` is false if a completion was cut off at `budget` tokens (0: the call has no budget). `answer_digest` is
    the hash of what was answered (see warehouse/store/calls.py).
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
    answer_digest: str = pa.Field(str_matches=_ID)


class ModelFailure(pa.DataFrameModel):
    """A model call that failed, in the model or at its endpoint: one row per attempt. It is never used as an answer."""

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
    "counted": Counted,
    "versions": Version,
    "pointers": Pointer,
    "environments": EnvironmentMove,
    "materializations": Materialization,
    "materials": Material,
    "recipes": WholeRecipe,
    "exports": Export,
    "withdrawals": Withdrawal,
    "reviews": Review,
}

MEMO: dict[str, type[pa.DataFrameModel]] = {"calls": ModelCall, "failures": ModelFailure}
