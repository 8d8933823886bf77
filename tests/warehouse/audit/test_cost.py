"""The cost of an arm is compared with its gain. So calls count once, the calls of dropped rows count, the cost of each
arm includes what arms share, and the sums are those of the stored calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from assets.reporting.study import DATA, EVALUATION, TRAINING, study
from resources.tools.tools import Tools
from tests.support.building import query
from tests.support.planning import MODEL, House, document, step
from warehouse.audit.cost import Cost, costs
from warehouse.audit.versions import with_upstream
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document
from warehouse.store.calls import Answer, Call, Work
from warehouse.store.file_warehouse import FileWarehouse

ITEMS = 2


def test_each_stage_of_an_arm_costs_the_calls_of_its_assets(built: tuple[Path, Path]) -> None:
    data = built[1]
    arms = {arm.name: arm for arm in study(FileWarehouse(data / "slingshot.duckdb")).arms}
    counted = {name: {stage: cost.calls for stage, cost in arm.costs.items()} for name, arm in arms.items()}
    run = dict(query(data, "SELECT asset, sum(computed)::INT FROM lineage.materializations GROUP BY asset").rows())
    assert counted["base"] == {DATA: 0, TRAINING: 0, EVALUATION: ITEMS}
    assert counted["self_training"] == {DATA: run["raw_self_training"], TRAINING: 1, EVALUATION: ITEMS}
    # The backward model is in the cost of both arms that need it.
    generated = run["backward_model"] + run["raw_instruction_generation"]
    embedded = run["instruction_embeddings/instruction_generation"]
    assert counted["instruction_generation"][DATA] == generated + embedded
    assert counted["filtered_extract_then_generate"][DATA] == run["backward_model"] + run["fragments"] + sum(
        run[f"{asset}extract_then_generate"] for asset in ("raw_", "instruction_embeddings/", "perplexities/")
    )


def test_tokens_and_seconds_are_those_of_the_stored_calls(built: tuple[Path, Path]) -> None:
    with FileWarehouse(built[1] / "slingshot.duckdb").read() as connection:
        versions = connection.execute("SELECT asset, version FROM lineage.current").fetchall()
        whole = costs(connection, {"all": versions})["all"]
        made = connection.execute("SELECT count(*), sum(tokens), sum(seconds) FROM memo.calls").fetchone()
    assert made is not None
    assert (whole.calls, whole.tokens) == made[:2]
    assert abs(whole.seconds - made[2]) < 1e-6


def test_a_later_stage_counts_only_calls_that_no_earlier_stage_counted(built: tuple[Path, Path]) -> None:
    with FileWarehouse(built[1] / "slingshot.duckdb").read() as connection:
        version = connection.execute(
            "SELECT version FROM lineage.current WHERE asset = 'raw_instruction_generation'"
        ).fetchall()[0][0]
        place = ("raw_instruction_generation", version)
        versions = with_upstream(connection, *place)
        assert sorted(asset for asset, _ in versions) == [
            "backward_model",
            "benchmark_items",
            "documents",
            "raw_instruction_generation",
            "seed_tasks",
        ]
        stages = costs(connection, {"first": versions, "again": versions, "none": []})
        alone = costs(connection, {"alone": [place]})["alone"]
    assert stages["first"].calls == alone.calls + 1
    assert stages["again"] == stages["none"] == Cost()


def test_a_call_that_was_repeated_with_a_larger_budget_counts_once(tmp_path: Path) -> None:
    """Both the answer that was cut off and the complete one are stored, and the row is made from the complete one."""
    house, call = House(tmp_path), Call("completion", MODEL, {"text": "aa"}, 8)

    def build(tools: Tools) -> Result:
        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            yield missing, lambda batch: [Answer({"text": "AA"}, call.budget, call.budget / 4, complete=False)]

        tools.memo("duckdb").run([call], compose)
        gate = Gate(Document, 1)
        gate.keep(document("aa"), [(call.key, "call")])
        return gate.result()

    for budget in (8, 16):
        call = replace(call, budget=budget)
        house.build(step("written", build, Document, {}, {"budget": budget}))
    assert query(tmp_path / "data", "SELECT budget FROM memo.calls ORDER BY 1")["budget"].to_list() == [8, 16]
    with FileWarehouse(tmp_path / "data" / "slingshot.duckdb").read() as connection:
        versions = connection.execute("SELECT asset, version FROM lineage.current").fetchall()
        assert costs(connection, {"all": versions}) == {"all": Cost(calls=1, tokens=16, seconds=4.0)}
