"""A fixture for all tests of what is chosen of a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.choosing import Chosen, builder


@pytest.fixture
def chosen(tmp_path: Path) -> Chosen:
    return builder(tmp_path)
