"""Assets that a run finds unchanged are put on record together, at the end of the run. None may be missing then, also
where the run failed later, since these records say what each run did and cost."""

from __future__ import annotations

from pathlib import Path

from tests.support.building import build, edit, query

ACTIONS = (
    "SELECT asset, action FROM lineage.materializations "
    "WHERE run = (SELECT arg_max(run, finished_at) FROM lineage.materializations)"
)


def actions_of_latest_run(data: Path) -> dict[str, str]:
    rows = query(data, ACTIONS).rows()
    found = dict(rows)
    assert len(found) == len(rows)
    return found


def test_each_unchanged_asset_is_on_record_once(own: tuple[Path, Path]) -> None:
    recipe, data = own
    log, failures = build(recipe, data, everything=True)
    assert not failures
    assert actions_of_latest_run(data) == log.actions
    assert set(log.actions.values()) == {"unchanged"}


def test_those_before_a_failure_are_on_record_too(own: tuple[Path, Path]) -> None:
    recipe, data = own
    edit(recipe, lambda values: values["curation"].update(rows=100_000))
    log, failures = build(recipe, data, everything=True)
    assert failures
    assert actions_of_latest_run(data) == log.actions
    assert "unchanged" in log.actions.values()
