"""Which assets may rebuild by themselves under a running `slingshot up --automatic`, and when.

Only what calls no model: sources, gates, training sets, scores, the leaderboard. Generation and training are never
automatic: they take minutes to days of a machine, and a recipe is usually edited several times before it is meant, so
that their cost is for a person to accept, with `slingshot plan` in hand.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.steps.step import Step

SECONDS_BETWEEN_EVALUATIONS = 5


def automation_condition(step: Step) -> dg.AutomationCondition[Any] | None:
    """When Dagster rebuilds the step's asset: its recipe slice, its code or an input has changed. None for never."""
    if step.calls_model:
        return None
    condition: Any = dg.AutomationCondition
    changed = (condition.code_version_changed() | condition.any_deps_updated()).since_last_handled()
    when: dg.AutomationCondition[Any] = (
        changed & ~condition.any_deps_missing() & ~condition.any_deps_in_progress() & ~condition.in_progress()
    )
    return when


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the conditions; it runs from the start, since whoever wants none leaves `--automatic` out."""
    return dg.AutomationConditionSensorDefinition(
        "cheap_assets",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SECONDS_BETWEEN_EVALUATIONS,
        description="Rebuilds assets that call no model when the recipe changes.",
    )
