"""Steps of other libraries, run by the Python that has them: `python peers.py datatrove|semhash FOLDER` prints the
seconds and how many rows are kept. See own_set.py, which starts it and writes the rows into the folder."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def semhash(folder: Path) -> int:
    """Rows of vectors.npy that are kept at a cosine of 0.9."""
    import numpy as np
    from semhash import SemHash

    vectors = np.load(folder / "vectors.npy")

    class Nothing:
        """The vectors are there already."""

        def encode(self, inputs: object, **_: object) -> object:
            raise AssertionError

    found = SemHash.from_embeddings(vectors, [str(row) for row in range(len(vectors))], Nothing())
    return len(found.self_deduplicate(threshold=0.9).selected)


def datatrove(folder: Path) -> int:
    """Rows of texts.json that are kept by MinHash over runs of 5 words, with bands for about 0.8."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

    texts = json.loads((folder / "texts.json").read_text())
    documents = [Document(text=text, id=str(row)) for row, text in enumerate(texts)]
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
    places = {name: str(folder / "datatrove" / name) for name in ("signatures", "buckets", "removed")}
    left = 0

    def count(data: object, rank: int = 0, world_size: int = 1) -> object:
        nonlocal left
        for one in data:  # type: ignore[attr-defined]
            left += 1
            yield one

    def work(*steps: object, tasks: int = 1) -> None:
        logs = str(folder / "datatrove" / "logs")
        LocalPipelineExecutor(list(steps), tasks, workers=1, logging_dir=logs, skip_completed=False).run()

    work(documents, MinhashDedupSignature(places["signatures"], config=config))
    buckets = MinhashDedupBuckets(places["signatures"], places["buckets"], config=config)
    work(buckets, tasks=config.num_buckets)
    work(MinhashDedupCluster(places["buckets"], places["removed"], config=config))
    work(documents, MinhashDedupFilter(places["removed"]), count)
    return left


def main() -> None:
    """Prints seconds and rows."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    began = time.monotonic()
    left = {"semhash": semhash, "datatrove": datatrove}[name](folder)
    print(time.monotonic() - began, left)


if __name__ == "__main__":
    main()
