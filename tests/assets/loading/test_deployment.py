"""A deployment file says where a build computes. A mistake in it must be named before anything is computed, and nothing
in it may make another version."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from assets.loading.bench import workbench
from assets.loading.deployment import (
    Compute,
    Deployment,
    DeploymentError,
    load_deployment,
    tables_for,
    workers_for,
)
from assets.loading.file import load_recipe
from assets.loading.local_models import engines
from resources.endpoint.settings import Fleet
from resources.tools.ray_workers import RayCluster, RayWorkers
from tests.support.building import edit, planned
from warehouse.store.places import Tables
from warehouse.store.workers import InProcess

URL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("compute: {ray: auto, worker: 2}", "compute.worker: found 2; there is no such key; did you mean 'workers'?"),
        ("comput: {ray: auto}", "comput: found {'ray': 'auto'}; there is no such key; did you mean 'compute'?"),
        ("compute: {workers: 2}", "compute.ray: found nothing; this key is required"),
        (
            "compute:\n  ray: auto\n  workers: 0",
            "compute.workers: found 0; it must be greater than or equal to 1 (line 3)",
        ),
        ("compute: {ray: auto, gpus: many}", "compute.gpus: found 'many'; it must be a number"),
        ("compute: {ray: http://head}", "found 'http://head'; it must be HOST:PORT of the cluster's head, such as"),
        ("compute: ray", "compute: found 'ray'; it must be a mapping of keys to values"),
        ("- ray", "the file: found ['ray']; it must be a mapping of keys to values"),
        ("compute: [", "cannot be read: while parsing"),
        (
            "servers: {generator: [127.0.0.1:8000/v1]}",
            "servers.generator.urls.0: found '127.0.0.1:8000/v1'; it must be the base URL of a server, such as",
        ),
        ("servers: {generator: []}", "servers.generator.urls: found []; it must have at least 1 in it"),
        (
            "servers: {generator: {urls: [http://127.0.0.1:8000/v1], give: [losses]}}",
            "servers.generator.give: found ['losses']; there is no such key; did you mean 'gives'?",
        ),
        (
            "servers:\n  generator:\n    urls: [http://127.0.0.1:8000/v1]\n    gives: [loss]",
            "servers.generator.gives.0: found 'loss'; ",
        ),
        (
            "servers: {generator: {urls: [http://127.0.0.1:8000/v1], gives: [adapters]}}",
            "servers.generator.gives: found ['adapters']; it must have completions, losses or embeddings",
        ),
        ("store: s4://team", "store: found 's4://team'; it must be a URL of fsspec; did you mean 's3'?"),
        (
            "store: team/files",
            "store: found 'team/files'; it must be a URL, such as s3://bucket/folder, or",
        ),
        ("store: ftp://me:secret@host/x", "it must have no password; the library of the store takes it from the"),
        ("servers: {generator: 8000}", "servers.generator: found 8000; it must be a mapping of keys to values"),
    ],
)
def test_a_mistake_is_named_with_what_would_be_right(tmp_path: Path, written: str, message: str) -> None:
    path = tmp_path / "deployment.yaml"
    path.write_text(written)
    with pytest.raises(DeploymentError) as caught:
        load_deployment(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_without_a_file_this_process_computes(tmp_path: Path) -> None:
    assert isinstance(workers_for(tmp_path), InProcess)
    (tmp_path / "deployment.yaml").write_text("# nothing yet\n")
    assert isinstance(workers_for(tmp_path), InProcess)


def test_the_file_beside_the_recipe_counts_unless_another_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deployment.yaml").write_text("compute: {ray: '10.0.0.1:6379', workers: 4, gpus: 0.5}")
    assert workers_for(tmp_path) == RayWorkers(RayCluster("10.0.0.1:6379", workers=4, gpus=0.5))
    other = tmp_path / "other.yaml"
    other.write_text("compute: {ray: auto}")
    monkeypatch.setenv("SLINGSHOT_DEPLOYMENT", str(other))
    assert workers_for(tmp_path) == RayWorkers(RayCluster("auto"))
    assert load_deployment(other) == Deployment(compute=Compute(ray="auto"))
    monkeypatch.setenv("SLINGSHOT_DEPLOYMENT", str(tmp_path / "missing.yaml"))
    with pytest.raises(DeploymentError, match=r"missing\.yaml cannot be read: "):
        workers_for(tmp_path)


def test_no_version_depends_on_it_and_a_plan_joins_no_cluster(built: tuple[Path, Path], tmp_path: Path) -> None:
    """The address is one at which nothing is."""
    recipe, data = built
    before = planned(recipe, data)
    elsewhere = tmp_path / "deployment.yaml"
    elsewhere.write_text("compute: {ray: '127.0.0.2:1'}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLINGSHOT_DEPLOYMENT", str(elsewhere))
        assert isinstance(workbench(load_recipe(recipe), data, recipe.parent).workers, RayWorkers)
        assert planned(recipe, data) == before
    assert {one.state for one in before.values()} == {"fresh"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("generator: http://127.0.0.1:8000/v1", Fleet((URL,))),
        ("generator: [http://127.0.0.1:8000/v1]", Fleet((URL,))),
        ("generator: {urls: [http://127.0.0.1:8000/v1], gives: [losses]}", Fleet((URL,), frozenset({"losses"}))),
    ],
)
def test_servers_of_a_model_are_asked_in_its_place(tiny: Path, written: str, expected: Fleet) -> None:
    (tiny.parent / "deployment.yaml").write_text(f"servers:\n  {written}\n")
    recipe = load_recipe(tiny)
    bench = workbench(recipe, tiny.parent / "data", tiny.parent)
    assert bench.fleets == {"generator": expected}
    completes = "completions" in expected.gives
    assert engines(recipe, bench)["generator"] == (f"servers: {URL}" if completes else "transformers, float32 on cpu")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"generater": URL}, "servers.generater: found 'generater'; it must be a model of the recipe; did you mean"),
        (
            {"remote": URL, "embeder": URL},
            "servers.remote: found 'http://127.0.0.1:8001/v1#m'; this model has the address of a server in the recipe; "
            "further ones go into endpoint.fleet.remote\nservers.embeder: found 'embeder'",
        ),
    ],
)
def test_servers_of_a_model_that_the_recipe_does_not_have_are_a_mistake(
    tiny: Path, models: dict[str, str], message: str
) -> None:
    """Otherwise a typing error would have everything computed here, in silence."""
    remote = {"address": "http://127.0.0.1:8001/v1#m", "sha256": "ab" * 32, "licence": "MIT", "origin": "human"}
    edit(tiny, lambda values: values["models"].update(remote=remote))
    path = tiny.parent / "deployment.yaml"
    path.write_text(yaml.safe_dump({"servers": models}, sort_keys=False))
    with pytest.raises(DeploymentError) as caught:
        workbench(load_recipe(tiny), tiny.parent / "data", tiny.parent)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_sample_has_a_file_of_its_own_and_shares_files_all_the_same(tmp_path: Path) -> None:
    """Its nodes are those of the deployment too, and may see no common disk."""
    (tmp_path / "deployment.yaml").write_text(
        "tables: {postgres: 'postgresql://me@127.0.0.1/warehouse'}\nstore: /mnt/team/files\n"
    )
    assert tables_for(tmp_path, embedded=True) == Tables(store="/mnt/team/files")
    assert tables_for(tmp_path) == Tables("postgresql://me@127.0.0.1/warehouse", store="/mnt/team/files")
