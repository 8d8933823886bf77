"""Keeps model libraries from writing to the terminal, which shows the progress of a build, and from sending reports."""

from __future__ import annotations

import logging
import os
import sys
import warnings


def quiet() -> None:
    """Turns off progress bars, notices and warnings of the model libraries; errors are still shown."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # tqdm reads it at its first import, so this must run before any model library is imported.
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for module in ("transformers", "torch", "trl", "peft", "accelerate"):
        warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


def refuse_telemetry() -> None:
    """Keeps OpenVINO from sending what it exports to its makers, which it does without asking.

    Call it before OpenVINO is imported. A module that cannot be imported makes OpenVINO use a stub without telemetry.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
