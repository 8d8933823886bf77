"""How assets are named: everything that names an asset takes the name from here."""

from __future__ import annotations

BENCHMARK_ITEMS = "benchmark_items"
SEED_TASKS = "seed_tasks"
DOCUMENTS = "documents"
DOCUMENT_SUPPLY = "document_supply"
FRAGMENTS = "fragments"
BACKWARD_MODEL = "backward_model"
BENCHMARK_EMBEDDINGS = "benchmark_embeddings"
LEADERBOARD = "leaderboard"

_RAW = "raw_"


def raw(method: str) -> str:
    """The pairs that a method makes."""
    return f"{_RAW}{method}"


def method_of(asset: str) -> str | None:
    """The method whose pairs an asset holds; None for any other asset."""
    return asset.removeprefix(_RAW) if asset.startswith(_RAW) else None


def drawn(method: str) -> str:
    """The documents or seed tasks that a method draws until its arms have their rows."""
    return f"drawn/{method}"


def instruction_embeddings(method: str) -> str:
    """Embeddings of the instructions of a method's pairs."""
    return f"instruction_embeddings/{method}"


def neighbours(arm: str) -> str:
    """Which pairs of an arm's methods have instructions that are alike."""
    return f"instruction_neighbours/{arm}"


def perplexities(method: str) -> str:
    """What the perplexity filter measures about a method's pairs."""
    return f"perplexities/{method}"


def alignments(method: str) -> str:
    """What the alignment filter measures about a method's pairs."""
    return f"alignments/{method}"


def enhanced_instructions(arm: str) -> str:
    """The pairs of an arm that pass its filters."""
    return f"enhanced_instructions/{arm}"


def diverse_instructions(arm: str) -> str:
    """The pairs of an arm whose instructions differ enough."""
    return f"diverse_instructions/{arm}"


def training_set(arm: str) -> str:
    """What the student of an arm is trained on."""
    return f"training_sets/{arm}"


def quality(arm: str) -> str:
    """What is measured of an arm's training set."""
    return f"quality/{arm}"


def student(arm: str) -> str:
    """The checkpoints of an arm's student."""
    return f"students/{arm}"


def predictions(benchmark: str, arm: str) -> str:
    """The answers of an arm's student to a benchmark."""
    return f"predictions/{benchmark}/{arm}"


def scores(benchmark: str, arm: str) -> str:
    """The scores of an arm's student on a benchmark."""
    return f"scores/{benchmark}/{arm}"


def verdicts(benchmark: str, arm: str) -> str:
    """What a judge says of the answers of an arm's student."""
    return f"verdicts/{benchmark}/{arm}"
