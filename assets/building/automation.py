"""Which assets Dagster rebuilds by itself while `slingshot up --automatic` runs, and when.

Only assets that call no model: sources, gates, training sets, scores, the leaderboard. Generation and training take
minutes to days of machine time, and a recipe is often edited several times before it is final. So a person starts them,
after a look at `slingshot plan`.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.steps.step import Step

SECONDS_BETWEEN_EVALUATIONS = 5


def automation_condition(step: Step) -> dg.AutomationCondition[Any] | None:
    """When Dagster rebuilds the asset: if its recipe slice, its code or an input changed. None for never."""
    if step.calls_model:
        return None
    condition: Any = dg.AutomationCondition
    changed = (condition.code_version_changed() | condition.any_deps_updated()).since_last_handled()
    when: dg.AutomationCondition[Any] = (
        changed & ~condition.any_deps_missing() & ~condition.any_deps_in_progress() & ~condition.in_progress()
    )
    return when


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions. It is on from the start, because it only exists with `--automatic`."""
    return dg.AutomationConditionSensorDefinition(
        "cheap_assets",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SECONDS_BETWEEN_EVALUATIONS,
        description="Rebuilds assets that call no model when the recipe changes.",
    )
