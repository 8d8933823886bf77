"""Progress bars and warnings of model libraries would overwrite the progress lines that a build prints in the terminal.
This test checks that they stay silent."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.tiny import ROOT

BARS = """
from resources.models.quiet import quiet
quiet()
from tqdm.auto import tqdm
list(tqdm(range(3)))
from datasets import Dataset
Dataset.from_list([{"a": 1}]).map(lambda row: row)
import warnings
warnings.warn_explicit("old", FutureWarning, "x.py", 1, module="transformers.modeling_utils")
"""


def test_progress_bars_and_warnings_of_model_libraries_are_silent() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TQDM_DISABLE"}
    done = subprocess.run(
        [sys.executable, "-c", BARS],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
