"""Students of which all weights were trained must go through a build as those with an adapter do: answered, scored,
found in the ancestry of what they wrote, and trained again where their files are lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.building import build, edit, planned, query, store
from warehouse.audit.integrity import integrity

ARM = "self_training"


def test_a_build_trains_all_weights_and_answers_with_them(own: tuple[Path, Path]) -> None:
    recipe, data = own

    def train_fully(values: dict[str, Any]) -> None:
        values["training"] |= {"method": "full", "rank": None, "alpha": None, "last_layers": None}

    edit(recipe, train_fully)
    chosen = f'key:"students/{ARM}" or key:"predictions/longform/{ARM}"'
    assert planned(recipe, data)[f"students/{ARM}"].calls == 1
    log, failures = build(recipe, data, chosen)
    assert failures == []
    assert log.computed == {f"students/{ARM}": 1, f"predictions/longform/{ARM}": 2}
    (training,) = query(data, f"SELECT training FROM students__{ARM}")["training"]
    folder = data / "checkpoints" / training
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= {file.name for file in folder.iterdir()}
    answered = query(
        data,
        f"SELECT DISTINCT c.id AS student FROM students__{ARM} c JOIN lineage.edges e ON e.parent = c.id AND "
        f"e.role = 'checkpoint' JOIN predictions__longform__{ARM} p ON p.id = e.child",
    )
    assert answered["student"].to_list() == query(data, f"SELECT id FROM students__{ARM}")["id"].to_list()
    assert integrity(store(data).database) == []
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-1] + b"x")
    assert [one.ids for one in integrity(store(data).database)] == [
        (f"checkpoints/{training}: changed: model.safetensors",)
    ]
    log, failures = build(recipe, data, chosen)
    assert (failures, log.computed.get(f"students/{ARM}")) == ([], 1)
    assert (folder / "model.safetensors").read_bytes() == whole
