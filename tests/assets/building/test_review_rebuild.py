"""The next build applies what a person decided: only what depends on the row is built again, the audit still finds
nothing wrong, and taking a decision back restores the earlier versions without work."""

from __future__ import annotations

from pathlib import Path

from tests.support.building import build, planned, query, store
from warehouse.audit.integrity import integrity
from warehouse.audit.why import why
from warehouse.release.reviewing import review

RAW, ARM = "raw_self_training", "self_training"
GATE, END = f"enhanced_instructions/{ARM}", f"training_sets/{ARM}"


def decided(data: Path, asset: str, outcome: str) -> list[str]:
    found = query(
        data,
        f"SELECT record FROM lineage.outcomes WHERE asset = '{asset}' AND outcome = '{outcome}' ORDER BY position",
    )
    return list(found["record"])


def reason(data: Path, asset: str, record: str) -> tuple[str, str | None]:
    found = query(data, f"SELECT outcome, reason FROM lineage.outcomes WHERE asset = '{asset}' AND record = '{record}'")
    (row,) = found.rows()
    return row


def test_rejected_and_edited_rows_are_replaced_where_they_are_made(own: tuple[Path, Path]) -> None:
    recipe, data = own
    first, second = decided(data, END, "kept")[:2]
    before = {one.asset: one.version for one in store(data).catalog().published.values()}
    database = store(data).database
    review(database, first, "reject", "ann", "says nothing")
    review(database, second, "edit", "ann", "clearer", {"instruction": "what is the garden near the old river"})
    plan = planned(recipe, data)
    stale = {asset: one.reasons for asset, one in plan.items() if one.state == "stale" and one.exact}
    assert stale[RAW] == ("2 rows reviewed",)
    assert {asset for asset, one in plan.items() if one.state == "fresh"} >= {
        "raw_self_instruct",
        "raw_instruction_generation",
        "enhanced_instructions/self_instruct",
        "students/instruction_generation",
        "backward_model",
    }
    log, failures = build(recipe, data)
    assert failures == []
    assert log.computed[RAW] == 0
    assert "students/self_instruct" not in log.actions

    edited = query(data, f"SELECT child FROM lineage.edges WHERE parent = '{second}' AND role = 'edited'")["child"][0]
    assert reason(data, RAW, first) == ("rejected", "rejected by a person: says nothing")
    assert reason(data, RAW, second) == ("rejected", "replaced by an edit: clearer")
    assert reason(data, RAW, edited) == ("kept", "edited by a person: clearer")
    assert not {first, second} & set(decided(data, END, "kept"))
    assert edited in decided(data, GATE, "kept")
    found = why(database, edited)
    assert [(link.parent, link.role) for link in found.parents(edited)] == [(second, "edited")]
    assert found.parents(second) != []
    assert integrity(database) == []
    assert {one.state for one in planned(recipe, data).values()} == {"fresh"}

    for record in (first, second):
        review(database, record, "clear", "ann", "it was fine")
    assert planned(recipe, data)[RAW].state == "restore"
    assert planned(recipe, data)[RAW].reasons == ("a review was taken back",)
    log, failures = build(recipe, data)
    assert (failures, set(log.actions.values()) - {"unchanged"}) == ([], {"restored"})
    assert {one.asset: one.version for one in store(data).catalog().published.values()} == before


def test_an_accepted_row_passes_the_filters_of_its_arm(own: tuple[Path, Path]) -> None:
    recipe, data = own
    gates = query(
        data,
        "SELECT DISTINCT asset FROM lineage.outcomes WHERE outcome = 'rejected' "
        "AND starts_with(asset, 'enhanced_instructions/') ORDER BY 1",
    )["asset"].to_list()
    gate = gates[0]
    record = decided(data, gate, "rejected")[0]
    kept = decided(data, gate, "kept")
    review(store(data).database, record, "accept", "ann", "it is good")
    made = {one.asset: one.reasons for one in planned(recipe, data).values() if one.state == "stale"}
    assert made[gate] == ("1 row reviewed",)
    log, failures = build(recipe, data, f'key:"{gate}"')
    assert failures == []
    assert log.actions == {gate: "built"}
    assert decided(data, gate, "kept") == [*kept, record]
    assert reason(data, gate, record) == ("kept", "accepted by a person: it is good")
    assert integrity(store(data).database) == []
