"""No cluster is at hand where this is tested. What can be checked without one is: the settings are those that Dagster's
own classes accept, a real PostgreSQL keeps the runs, and the image takes files that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster_k8s import K8sRunLauncher

from assets.building.dagster_home import dagster_instance
from assets.loading.deployment import tables_in
from tests.support.building import build
from tests.support.postgres import Server
from tests.support.tiny import ROOT
from warehouse.store.places import Tables

FOLDER = ROOT / "containers"
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "values.yaml").read_text(encoding="utf-8"))
MANUAL = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", MANUAL, re.DOTALL | re.MULTILINE)


def as_dagster_names(values: Any) -> Any:
    """The keys of the chart as Dagster's classes name them: imagePullPolicy is image_pull_policy."""
    if not isinstance(values, dict):
        return values
    return {re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): value for key, value in values.items()}


def assert_accepted(schema: Any, values: Any) -> None:
    done = process_config(resolve_to_config_type(schema), values)
    assert done.success, done.errors


def test_the_run_launcher_of_the_chart_is_accepted() -> None:
    launcher = VALUES["runLauncher"]
    assert launcher["type"] == K8sRunLauncher.__name__
    own = {"service_account_name": "dagster", "instance_config_map": "instance", "dagster_home": "/opt/dagster"}
    assert_accepted(K8sRunLauncher.config_type(), own | as_dagster_names(launcher["config"]["k8sRunLauncher"]))


def test_the_coordinator_and_the_monitoring_of_the_daemon_are_accepted() -> None:
    coordinator = VALUES["dagsterDaemon"]["runCoordinator"]
    assert coordinator["type"] == QueuedRunCoordinator.__name__
    assert_accepted(QueuedRunCoordinator.config_type(), as_dagster_names(coordinator["config"]["queuedRunCoordinator"]))
    settings = {"run_monitoring": as_dagster_names(VALUES["dagsterDaemon"]["runMonitoring"]), **telemetry()}
    assert_accepted({key: dagster_instance_config_schema()[key] for key in settings}, settings)


def telemetry() -> dict[str, Any]:
    return {"telemetry": VALUES["telemetry"]}


def test_the_code_location_loads_the_module_of_the_project_with_folders_that_it_has() -> None:
    (location,) = VALUES["dagster-user-deployments"]["deployments"]
    assert location["dagsterApiGrpcArgs"] == ["--module-name", "definitions"]
    assert (ROOT / "definitions.py").is_file()
    volumes = {volume["name"] for volume in location["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in location["volumeMounts"]}
    assert mounts.keys() == volumes
    named = dict(re.findall(r"(SLINGSHOT_\w+)=(\S+)", (FOLDER / "Containerfile").read_text(encoding="utf-8")))
    named |= {one["name"]: one["value"] for one in location["env"]}
    assert all(str(Path(path).parts[1]) in {Path(mount).name for mount in mounts.values()} for path in named.values())


def test_the_image_installs_what_make_installs() -> None:
    steps, makefile = (path.read_text(encoding="utf-8") for path in (FOLDER / "Containerfile", ROOT / "Makefile"))
    torch = re.findall(r"torch==\S+", makefile)
    assert re.findall(r"torch==\S+", steps) == torch
    for line in re.findall(r"^COPY (.*) \./?$", steps, re.MULTILINE):
        assert all((ROOT / source).exists() for source in line.split())
    requires = re.search(r'^requires-python = ">=(3\.\d+)', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert requires
    assert f"python:{requires[1]}" in steps


def test_the_deployment_of_the_manual_names_the_database_and_the_shared_folder(tmp_path: Path) -> None:
    (text,) = [block for block in BLOCKS if block.startswith("tables:")]
    (tmp_path / "deployment.yaml").write_text(text)
    found = Tables("postgresql://slingshot@db.example.org:5432/warehouse", Path("/team/warehouse"))
    assert tables_in(tmp_path / "deployment.yaml") == found


def test_a_server_keeps_the_runs_under_the_settings_of_the_manual(
    postgres: Server, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = [block for block in BLOCKS if block.startswith("storage:")]
    home = tmp_path / "home"
    home.mkdir()
    manual = "postgresql+psycopg2://slingshot@db.example.org:5432/dagster"
    assert manual.startswith(f"{VALUES['postgresql']['postgresqlScheme']}:")
    own = postgres.database().replace("postgresql:", "postgresql+psycopg2:")
    (home / "dagster.yaml").write_text(text.replace(manual, own))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    _, failures = build(tiny, tmp_path / "data", "benchmark_items", history=True)
    assert failures == []
    with dagster_instance(tmp_path / "data") as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        found = instance.get_latest_materialization_event(dg.AssetKey("benchmark_items"))
        assert found is not None
    assert not list(home.rglob("*.db"))
