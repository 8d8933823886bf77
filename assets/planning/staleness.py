"""Why an asset is stale, as the plan says it."""

from __future__ import annotations

from collections.abc import Mapping

from assets.planning.forecast import View
from assets.steps.step import Settled, Step
from warehouse.lineage.reviews import NO_REVIEWS, Reviews
from warehouse.lineage.withdrawals import Withdrawals
from warehouse.store.published import NO_ASSETS, REVIEWS, WITHDRAWALS, Target
from warehouse.store.reasons import code_changes, recipe_changes, review_changes, row_changes, withdrawal_changes
from warehouse.store.versions import Store

NEVER_BUILT = "never built"


def own_reasons(
    step: Step, before: Target | None, withdrawals: Withdrawals, reviews: Reviews = NO_REVIEWS
) -> list[str]:
    """Changes of the step's recipe slice and code, and withdrawals and decisions by people that apply to it.

    `before` is the target of the current version, None if there is none.
    """
    if before is None:
        return [NEVER_BUILT]
    withdrawn = withdrawal_changes(step.applicable_withdrawals(withdrawals), before.inputs.get(WITHDRAWALS))
    reviewed = review_changes(step.applicable_reviews(reviews), before.inputs.get(REVIEWS))
    return [*recipe_changes(before.recipe, step.slice), *code_changes(before.code, step.code), *withdrawn, *reviewed]


def input_reasons(step: Step, settled: Settled, before: Target, views: Mapping[str, View], store: Store) -> list[str]:
    """Inputs that were added or removed, and inputs whose rows changed; `views` are the inputs by asset."""
    reasons = []
    for asset in step.inputs.values():
        version = settled.target.inputs[asset]
        if asset not in before.inputs:
            reasons.append(f"now reads {asset}")
        elif before.inputs[asset] != version:
            old = store.kept_ids(asset, before.inputs[asset])
            reasons.append(row_changes(asset, views[asset].kind, old, views[asset].frame["id"].to_list()))
    read = [asset for asset in before.inputs if asset not in NO_ASSETS]
    return reasons + [f"no longer reads {asset}" for asset in read if asset not in settled.target.inputs]


def retry_reason(attempt: int, failed_rows: int, retries: int) -> str:
    """Rows failed in the current version and are tried again: "2 rows failed: retry 1 of 2"."""
    rows = "1 row" if failed_rows == 1 else f"{failed_rows} rows"
    return f"{rows} failed: retry {attempt} of {retries}"
