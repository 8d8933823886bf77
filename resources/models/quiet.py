"""Keeps model libraries from writing to the terminal, where the build's own lines stand."""

from __future__ import annotations

import logging
import os
import warnings


def quiet() -> None:
    """Silences the progress bars, notices and warnings of transformers, datasets and their like; errors still show."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # Read when tqdm is first imported, so this must come before any model library.
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for module in ("transformers", "torch", "trl", "peft", "accelerate"):
        warnings.filterwarnings("ignore", module=rf"{module}(\.|$)")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
