"""Sentence embeddings through the memo."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from resources.models import protocol
from resources.models.calls import Vector
from resources.tools.asked import Prepared, asked
from resources.tools.batching import Batches, batches
from resources.tools.jobs import Embedding
from resources.tools.servers import endpoint_of, is_served
from resources.tools.session import Session
from warehouse.store.calls import Call


def embed(session: Session, name: str, texts: Sequence[str]) -> list[Vector]:
    """One unit-length vector per text from the embedding model `name`, here or from servers."""
    bench, model = session.bench, session.bench.models[name].id
    served = bench.at_endpoint(name) or is_served(bench, name, "embeddings")
    stamp = protocol.stamp(protocol.EMBEDDING, *([protocol.served()] if served else []))
    calls = [Call("embedding", model, {"text": text} | stamp) for text in texts]

    def compose(missing: list[Call]) -> Batches:
        # Texts of about one length together, since all texts of a batch cost as much as the longest.
        lengths = [len(call.request["text"]) for call in missing]
        for rows in batches(lengths, bench.chunk, sys.maxsize):
            yield [missing[row] for row in rows], Embedding(bench, name)

    def prepared(missing: Sequence[Call]) -> Prepared:
        from resources.endpoint.token_requests import EmbeddingRequest

        return {call.key: EmbeddingRequest(call.request["text"]) for call in missing}

    if served:
        answers = asked(session, lambda: endpoint_of(bench, name), calls, prepared, "embeddings")
    else:
        answers = session.memo("sentence-transformers", "torch").run(calls, compose, session.progress("embeddings"))
    none = np.empty(0, dtype=np.float32)
    return [
        Vector(none if answer.vector is None else answer.vector, call.key, answer.error)
        for call, answer in zip(calls, answers, strict=True)
    ]
