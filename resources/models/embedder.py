"""Sentence embeddings through sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from resources.models.loading import load_sentence_transformer


class Embedder:
    """The sentence-transformers model in `folder`. Raises UserError where it cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        self.model = load_sentence_transformer(folder)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit-length vectors (texts, dimensions)."""
        vectors = self.model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)
