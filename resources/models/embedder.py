"""Sentence embeddings through sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class Embedder:
    """The sentence-transformers model in `folder`."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(folder))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit-length vector per text."""
        vectors = self.model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return [[float(value) for value in vector] for vector in vectors]
