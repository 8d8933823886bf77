"""Where a recipe is built: `deployment.yaml` beside it, or $SLINGSHOT_DEPLOYMENT. Without one, on this machine alone.

Nothing in it is part of a version: what is built does not depend on where. Every key is ours.

Worked example: `compute: {ray: "10.0.0.1:6379", workers: 4, gpus: 1}` has four workers with a GPU each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import ErrorDetails

from assets.loading.faults import problem_of
from assets.loading.rules import Problem
from assets.loading.yaml_text import YamlError, read_yaml
from assets.recipe.materials import Part
from assets.recipe.values import BaseUrl, Count
from resources.endpoint.settings import TASKS, Fleet
from resources.endpoint.settings import Task as Asked
from resources.fetching.addresses import Address
from resources.tools.locations import deployment_path
from warehouse.core.errors import UserError
from warehouse.core.texts import nearest
from warehouse.store.places import EMBEDDED, Tables
from warehouse.store.workers import InProcess, Workers


class DeploymentError(UserError, ValueError):
    """The deployment file cannot be used; the message lists all its problems, one per line."""


def _address(given: str) -> str:
    if given not in ("auto", "local") and not re.fullmatch(r"[^\s/]+:\d{1,5}", given):
        raise ValueError("it must be HOST:PORT of the cluster's head, such as 10.0.0.1:6379, or auto or local")
    return given


class Compute(Part):
    """A Ray cluster at the address `ray`; see RayCluster in resources/tools/ray_workers.py for the other keys."""

    ray: Annotated[str, AfterValidator(_address)]
    workers: Count = 1
    cpus: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1
    gpus: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    in_flight: Count = 2
    host: str = ""
    patience: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 120


class TablesPart(Part):
    """A database at the URL `postgres`; see Tables in warehouse/store/places.py for the other keys."""

    postgres: str
    files: Path | None = None
    patience: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 300


def _some(given: tuple[Any, ...]) -> tuple[Any, ...]:
    if not given:
        raise ValueError("it must have at least 1 in it")
    return given


def _asked(given: tuple[Asked, ...]) -> tuple[Asked, ...]:
    if not {"completions", "losses", "embeddings"} & set(given):
        raise ValueError("it must have completions, losses or embeddings; adapters are asked for these")
    return given


class ServersPart(Part):
    """Servers at the base URLs `urls` that have the weights of a model, and what they give (all that can be asked)."""

    urls: Annotated[tuple[BaseUrl, ...], AfterValidator(_some)]
    gives: Annotated[tuple[Asked, ...], AfterValidator(_asked)] = TASKS


def _urls(given: Any) -> Any:
    """`generator: http://…` and `generator: [http://…, http://…]` are short for `generator: {urls: [http://…]}`."""
    urls = [given] if isinstance(given, str) else given
    return {"urls": urls} if isinstance(urls, list) else given


def _store(given: str) -> str:
    from urllib.parse import urlsplit

    import fsspec

    if urlsplit(given).password:
        raise ValueError("it must have no password; the library of the store takes it from the environment")
    if "://" not in given and not Path(given).is_absolute():
        raise ValueError("it must be a URL, such as s3://bucket/folder, or the whole path of a folder")
    protocol = given.partition("://")[0] if "://" in given else "file"
    if protocol not in fsspec.available_protocols():
        raise ValueError(f"it must be a URL of fsspec; {nearest(protocol, fsspec.available_protocols())}")
    return given


class Deployment(Part):
    """The whole file; `servers` are by the name of a model in the recipe, `store` is a URL of fsspec or a folder, and
    `dagster` the folder with Dagster's settings."""

    compute: Compute | None = None
    tables: TablesPart | None = None
    servers: dict[str, Annotated[ServersPart, BeforeValidator(_urls)]] = Field(default_factory=dict)
    store: Annotated[str, AfterValidator(_store)] = ""
    dagster: Path | None = None


def load_deployment(path: Path) -> Deployment:
    """The deployment in the YAML file at `path`. Raises DeploymentError."""
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
        return Deployment.model_validate({} if document.value is None else document.value)
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise DeploymentError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        details = error.errors(include_url=False)
        places = {place: f" (line {line})" for place, (line, _) in document.positions.items()}
        problems = [f"{_problem(one)}{places.get(tuple(map(str, one['loc'])), '')}" for one in details]
        raise DeploymentError(f"{path}: " + "\n".join(problems)) from error


def _problem(detail: ErrorDetails) -> Problem:
    place, found = detail["loc"], detail["input"]
    if not place:
        return Problem("the file", found, "it must be a mapping of keys to values")
    if detail["type"] == "extra_forbidden":
        parts: dict[str, type[Part]] = {"compute": Compute, "tables": TablesPart, "servers": ServersPart}
        known = Deployment if len(place) == 1 else parts[str(place[0])]
        near = nearest(str(place[-1]), known.model_fields)
        return Problem(".".join(map(str, place)), found, f"there is no such key; {near}")
    return problem_of(detail)


def workers_for(folder: Path) -> Workers:
    """What computes the batches of a recipe in `folder`. Joins no cluster. Raises DeploymentError."""
    path = deployment_path(folder)
    compute = load_deployment(path).compute if path else None
    if compute is None:
        return InProcess()
    from resources.tools.ray_workers import RayCluster, RayWorkers

    return RayWorkers(RayCluster(compute.ray, **compute.model_dump(exclude={"ray"})))


def fleets_for(folder: Path, models: Mapping[str, str]) -> dict[str, Fleet]:
    """The servers of the models of a recipe in `folder`, of which `models` has the addresses by name.

    Asks none of them. Raises DeploymentError, also for a model that the recipe does not have."""
    path = deployment_path(folder)
    servers = load_deployment(path).servers if path else {}
    problems = []
    for name in servers:
        if name not in models:
            problems.append(
                Problem(f"servers.{name}", name, f"it must be a model of the recipe; {nearest(name, models)}")
            )
        elif Address.parse(models[name]).is_endpoint:
            right = f"this model has the address of a server in the recipe; further ones go into endpoint.fleet.{name}"
            problems.append(Problem(f"servers.{name}", models[name], right))
    if problems:
        raise DeploymentError(f"{path}: " + "\n".join(map(str, problems)))
    return {name: Fleet(part.urls, frozenset(part.gives)) for name, part in servers.items()}


def dagster_for(folder: Path) -> Path | None:
    """The folder with Dagster's settings for a recipe in `folder`, relative to the file; None where it names none.

    Raises DeploymentError."""
    path = deployment_path(folder)
    named = load_deployment(path).dagster if path else None
    return path.resolve().parent / named if path and named else None


def tables_for(folder: Path, embedded: bool = False) -> Tables:
    """Where the tables of a recipe in `folder` are; with `embedded`, in a file all the same. Raises DeploymentError."""
    path = deployment_path(folder)
    found = tables_in(path) if path else EMBEDDED
    return replace(EMBEDDED, store=found.store) if embedded else found


def tables_in(path: Path) -> Tables:
    """Where the tables are by the deployment file at `path`. A relative folder for files starts at that of the file.

    Raises DeploymentError.
    """
    found = load_deployment(path)
    part = found.tables
    if part is None:
        return replace(EMBEDDED, store=found.store)
    files = path.resolve().parent / part.files if part.files else None
    return Tables(part.postgres, files, part.patience, found.store)
