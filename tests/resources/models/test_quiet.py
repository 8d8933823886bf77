"""Progress bars and warnings of model libraries would overwrite the progress lines that a build prints in the terminal,
and a library that reports on its use would tell others what is built. These tests check that they stay silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


EXPORT = """
import sys
from pathlib import Path
from resources.models.openvino_export import exported
exported(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_an_export_to_openvino_sends_no_telemetry(tiny_model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    # OpenVINO is silent by itself where these are set. Elsewhere it first writes the id that it reports with.
    own = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    subprocess.run(
        [sys.executable, "-c", EXPORT, str(tiny_model), str(tmp_path / "exported")],
        env=own | {"PYTHONPATH": str(ROOT), "HOME": str(home)},
        check=True,
    )
    assert list(home.rglob("*openvino*")) == []
