"""The command that serves a model of the recipe to builds on other machines: serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.commands.project import Project, project_at
from assets.commands.terminal import AsJson, RecipeOption, WarehouseOption, clear_errors, print_json, say

if TYPE_CHECKING:
    from resources.endpoint.vllm import Served

app = typer.Typer()


@app.command()
@clear_errors
def serve(
    model: Annotated[str, typer.Argument(help="The name of a model in the recipe.")],
    adapters: Annotated[
        bool, typer.Option("--adapters", help="Also serve adapters: the current ones, and those that builds load.")
    ] = False,
    host: Annotated[str, typer.Option(help="The address at which it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port at which it listens.")] = 8000,
    run: Annotated[bool, typer.Option("--run", help="Run the command here instead of printing it.")] = False,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Print the command that serves a model with vLLM, and what a deployment file or a recipe says to ask it there.

    With --run, the command takes the place of this one."""
    import shlex

    project = project_at(recipe, warehouse)
    served = _served(project, model, adapters, local=run)
    command = served.command(host, port)
    if run:
        _run(command, served.environment)
    base = f"http://{host}:{port}/v1"
    declared = _declared(project, served, base)
    servers = {served.name: {"urls": [base], "gives": _gives(project, served)}}
    if as_json:
        print_json({"command": command, "environment": served.environment, "servers": servers, "models": declared})
        return
    import yaml

    def shown(part: dict[str, Any]) -> str:
        return yaml.safe_dump(part, sort_keys=False, allow_unicode=True).rstrip()

    say(" ".join([*(f"{name}={value}" for name, value in served.environment.items()), shlex.join(command)]))
    say("\n# deployment.yaml of builds that have the model too, with the same recipe:")
    say(shown({"servers": servers}))
    say("\n# or in a recipe whose builds do not have it:")
    say(shown({"models": declared}))


def _served(project: Project, name: str, adapters: bool, local: bool) -> Served:
    """The model from its verified folder on this machine, or by its name on a hub where it need not be here."""
    from resources.endpoint.vllm import Served
    from resources.fetching.addresses import Address
    from warehouse.core.errors import UserError
    from warehouse.core.texts import nearest

    if name not in project.recipe.models:
        raise UserError(f"no model of the recipe is named {name!r}; {nearest(name, project.recipe.models)}")
    part = project.recipe.models[name]
    address = Address.parse(part.address)
    if address.scheme in ("http", "https"):
        raise UserError(f"{name} is behind a server already: {part.address}")
    on_hub = address.scheme == "hf" and address.path is None and not local
    return Served(
        name,
        address.name if on_hub else str(project.bench.base_folder(name)),
        address.version if on_hub else None,
        part.precision,
        _adapters(project, name) if adapters else {},
        _rank(project, name) if adapters else None,
    )


def _adapters(project: Project, name: str) -> dict[str, Path]:
    """The folders of all current adapters on a model, by arm and training seed."""
    from resources.models.calls import Adapter
    from warehouse.store.checkpoints import is_model

    found = {}
    for published in project.store.catalog().published.values():
        if published.kind == "checkpoint":
            for row in project.store.read(published).iter_rows(named=True):
                if row["base"] != project.bench.models[name].id:
                    continue
                folder = project.bench.adapter_folder(Adapter(row["training"], row["weights"]))
                if not is_model(folder):
                    found[f"{row['name']}-{row['seed']}"] = folder.resolve()
    return found


def _rank(project: Project, name: str) -> int | None:
    """The highest rank of the adapters that the recipe trains on a model; None where it trains none."""
    from assets.loading.trainings import trainings

    ranks = [settings.rank for model, settings in trainings(project.recipe).values() if model == name]
    return max((rank for rank in ranks if rank), default=None)


def _gives(project: Project, served: Served) -> list[str]:
    """What the command's server gives. vLLM 0.32 on a CPU ends at a loss where it serves adapters."""
    from assets.loading.local_models import engines

    if served.name not in engines(project.recipe, project.bench):
        return ["embeddings"]
    return ["completions", "adapters"] if served.environment else ["completions", "losses"]


def _declared(project: Project, served: Served, base: str) -> dict[str, dict[str, Any]]:
    """The models of a recipe that asks the server: the same weights, behind an address."""
    part = project.recipe.models[served.name]
    said = part.model_dump(mode="json", exclude_none=True, include={"sha256", "licence", "origin", "made_from"})
    return {served.name: {"address": f"{base}#{served.name}", **{key: value for key, value in said.items() if value}}}


def _run(command: list[str], environment: dict[str, str]) -> None:
    import os
    import shutil

    from warehouse.core.errors import UserError

    if shutil.which(command[0]) is None:
        raise UserError("vllm is not installed here: pip install vllm, or run the command where it is")
    # vLLM would report its use to its makers.
    os.execvpe(command[0], command, os.environ | {"VLLM_NO_USAGE_STATS": "1"} | environment)
