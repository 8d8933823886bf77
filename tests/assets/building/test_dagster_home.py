"""A team sets up Dagster once, for all its projects and machines, and names its folder in DAGSTER_HOME. Slingshot wrote
its own settings over such a folder, and kept its history elsewhere."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from assets.building.dagster_home import dagster_home, dagster_instance
from assets.building.dead_runs import PROCESS, close_dead_runs
from assets.commands.project import Project
from assets.loading.deployment import dagster_for
from tests.support.building import build
from warehouse.core.errors import UserError

OWN = "telemetry:\n  enabled: false\nconcurrency:\n  runs:\n    max_concurrent_runs: 2\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(OWN)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@dg.job
def JOB() -> None:
    pass


def test_a_given_home_has_the_runs_and_stays_as_it_is(home: Path, tiny: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    _, failures = build(tiny, data, "benchmark_items", history=True)
    assert failures == []
    assert (home / "dagster.yaml").read_text() == OWN
    assert not (data / "dagster").exists()
    with dagster_instance(data) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        assert instance.root_directory == str(home)


def test_runs_in_a_given_home_are_left_to_dagster(home: Path, tmp_path: Path) -> None:
    with dagster_instance(tmp_path) as instance:
        started = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED, tags={PROCESS: "1234567"})
        close_dead_runs(instance)
        found = instance.get_run_by_id(started.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.STARTED


def test_a_home_that_is_not_there_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere, which is no folder; make it, or unset the variable"):
        dagster_home(tmp_path)
    assert not (tmp_path / "nowhere").exists()


def test_a_home_of_the_deployment_file_has_the_runs_of_builds(
    home: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts where DAGSTER_HOME is not set. The path starts at the folder of the file."""
    monkeypatch.delenv("DAGSTER_HOME")
    (tiny.parent / "deployment.yaml").write_text("dagster: home\n")
    project = Project(tiny, tmp_path / "data")
    assert "benchmark_items" in project.build("benchmark_items").built
    assert not (tmp_path / "data" / "dagster").exists()
    deployed = dagster_for(tiny.parent)
    assert deployed == home
    with dagster_instance(tmp_path / "data", deployed) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        started = instance.create_run_for_job(JOB, status=dg.DagsterRunStatus.STARTED, tags={PROCESS: "1234567"})
        close_dead_runs(instance, deployed)
        found = instance.get_run_by_id(started.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.STARTED
    (tiny.parent / "deployment.yaml").write_text("dagster: nowhere\n")
    with pytest.raises(UserError, match=r"dagster in deployment\.yaml names .*nowhere, which is no folder"):
        dagster_home(tmp_path / "data", dagster_for(tiny.parent))
