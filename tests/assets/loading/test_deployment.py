"""A deployment file says where a build computes. A mistake in it must be named before anything is computed, and nothing
in it may make another version."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.loading.bench import workbench
from assets.loading.deployment import Compute, Deployment, DeploymentError, load_deployment, workers_for
from assets.loading.file import load_recipe
from resources.tools.ray_workers import RayCluster, RayWorkers
from tests.support.building import planned
from warehouse.store.workers import InProcess


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
