"""With twenty arms one is significant at 5 % by chance alone. These tests check the adjustment against hand-computed
values, and that an interval excludes 0 exactly where the adjusted p-value says that there is a difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.evaluation.many_arms import adjusted, confidence_levels


def test_p_values_are_adjusted_by_the_method_of_holm() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert adjusted([0.9, 0.8]) == [1.0, 1.0]
    assert adjusted([]) == []


def test_each_interval_has_the_level_of_its_own_test() -> None:
    assert confidence_levels([0.04, 0.01], 0.95) == pytest.approx([0.95, 0.975])
    # The second one fails at 0.05 / 3; the others are not tested any more, and get its level.
    assert confidence_levels([0.001, 0.02, 0.03, 0.04], 0.95) == pytest.approx([1 - 0.05 / 4] + [1 - 0.05 / 3] * 3)
    assert confidence_levels([], 0.95) == []


@given(p_values=st.lists(st.floats(1e-6, 1), min_size=1, max_size=8, unique=True))
def test_a_test_at_the_level_of_its_interval_agrees_with_the_adjusted_p_value(p_values: list[float]) -> None:
    levels = confidence_levels(p_values, 0.95)
    for own, level, after in zip(p_values, levels, adjusted(p_values), strict=True):
        if abs(own - (1 - level)) > 1e-9:  # rounding may decide at the border itself
            assert (own <= 1 - level) == (after <= 0.05)
