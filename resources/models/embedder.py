"""Sentence embeddings through sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from resources.models.loading import load_sentence_transformer


class Embedder:
    """The sentence-transformers model in `folder`. Raises UserError where it cannot be loaded."""

    def __init__(self, folder: Path) -> None:
        self.model = load_sentence_transformer(folder)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit-length vector per text."""
        vectors = self.model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in vector] for vector in vectors]
