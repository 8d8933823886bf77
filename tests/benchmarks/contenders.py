"""One contender of the benchmark of engines, in a process of its own, so that its peak memory is its own.

`python -m tests.benchmarks.contenders NAME COUNT FOLDER` prints what it did as one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resources.models.calls import Sampling
from resources.models.quiet import quiet
from resources.models.room import READING
from resources.tools.batching import batches
from tests.benchmarks import workload

SAMPLING = Sampling(200)


class Clock:
    """Seconds until the contender was ready, and those of its work."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.ready = self.seconds = 0.0

    @contextmanager
    def work(self) -> Iterator[None]:
        """What counts; all before it is loading."""
        began = time.monotonic()
        self.ready = began - self.began
        yield
        self.seconds = time.monotonic() - began


def prepare(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """The export, and an adapter on all layers, which some steps of training make."""
    from resources.models.openvino_export import exported
    from resources.models.trainer import train_adapter

    model = workload.model()
    with clock.work():
        exported(model, folder / "exported")
    train_adapter(model, workload.examples(32), workload.TRAINING, folder / "adapter")
    return {}


def transformers(rows: int | None, adapted: bool = False) -> Callable[..., dict[str, Any]]:
    """transformers in batches of at most so many rows; None for the most that our batches have."""

    def run(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
        from resources.models.language_model import LanguageModel

        prompts, loaded = workload.prompts(count), LanguageModel(workload.model())
        most, tokens = loaded.most
        with loaded.with_adapter(folder / "adapter" if adapted else None) as model:
            loaded.complete(prompts[:1], Sampling(2))
            with clock.work():
                found = {}
                sizes = [len(model.texts.of_prompt(one)) + SAMPLING.max_new_tokens for one in prompts]
                for batch in batches(sizes, rows or most, tokens):
                    written = model.complete([prompts[place] for place in batch], SAMPLING)
                    found |= dict(zip(batch, written, strict=True))
        return _written([found[place] for place in range(count)])

    return run


def openvino(precision: str, adapted: bool = False) -> Callable[..., dict[str, Any]]:
    """OpenVINO, which gets all prompts at once."""

    def run(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
        from resources.models.model_texts import ModelTexts
        from resources.models.openvino_writer import OpenVinoWriter

        prompts, texts = workload.prompts(count), ModelTexts(workload.model())
        adapter = folder / "adapter" if adapted else None
        writer = OpenVinoWriter(folder / "exported", texts, precision, adapter)
        writer.complete(prompts[:1], Sampling(2))
        with clock.work():
            written = writer.complete(prompts, SAMPLING)
        return _written(written)

    return run


def losses(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """Our losses, of texts as the response to eight instructions each."""
    from resources.models.language_model import LanguageModel

    asked, model = workload.candidates(count // 8, 8), LanguageModel(workload.model())
    sizes = [sum(map(len, model.texts.measured(*one))) for one in asked]
    with clock.work():
        for batch in batches(sizes, *READING):
            model.losses([asked[place] for place in batch])
    return {"tokens": sum(sizes)}


def plain_losses(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """The loss that the model itself returns, with all logits, in the same batches."""
    import torch

    from resources.models.language_model import LanguageModel

    asked, model = workload.candidates(count // 8, 8), LanguageModel(workload.model())
    texts, sizes = model.texts, [sum(map(len, model.texts.measured(*one))) for one in asked]
    with clock.work(), torch.inference_mode():
        for batch in batches(sizes, *READING):
            rows = [(texts.of_prompt(asked[place][0]), texts.of_target(*asked[place])) for place in batch]
            width = max(len(head) + len(tail) for head, tail in rows)
            padded = [[*head, *tail, *[texts.first] * (width - len(head) - len(tail))] for head, tail in rows]
            labels = [[*[-100] * len(head), *tail, *[-100] * (width - len(head) - len(tail))] for head, tail in rows]
            model.model(input_ids=torch.tensor(padded), labels=torch.tensor(labels))
    return {"tokens": sum(sizes)}


def embeddings(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """Our embeddings."""
    embedder, texts = workload.bench().embedder("embedder"), [text for _, text in workload.texts()[: count * 4]]
    with clock.work():
        embedder.embed(texts)
    return {"rows": len(texts)}


def plain_embeddings(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """sentence-transformers as it is."""
    embedder, texts = workload.bench().embedder("embedder"), [text for _, text in workload.texts()[: count * 4]]
    with clock.work():
        embedder.model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    return {"rows": len(texts)}


def training(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """Our training."""
    import tempfile

    from resources.models.trainer import train_adapter

    examples, base = workload.examples(count // 8), workload.model()
    with tempfile.TemporaryDirectory() as scratch, clock.work():
        made = train_adapter(base, examples, workload.TRAINING, Path(scratch) / "adapter")
    return {"tokens": made.tokens, "loss": made.losses[-1]}


def plain_training(checkpointing: bool) -> Callable[..., dict[str, Any]]:
    """trl as it is, on the same token ids; it turns gradient checkpointing on by default."""

    def run(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
        import tempfile

        from datasets import Dataset
        from peft import LoraConfig
        from trl import SFTConfig, SFTTrainer

        from resources.models.chat_template import with_template
        from resources.models.loading import load_language_model, load_tokenizer
        from resources.models.prompt_tokens import PromptTokens

        settings, base = workload.TRAINING, workload.model()
        with tempfile.TemporaryDirectory() as scratch, clock.work():
            tokenizer = with_template(load_tokenizer(base))
            of_examples = [PromptTokens(tokenizer).example(*one) for one in workload.examples(count // 8)]
            rows = [
                {"input_ids": ids[:256], "labels": ([-100] * start + ids[start:])[:256]} for ids, start in of_examples
            ]
            trainer = SFTTrainer(
                model=load_language_model(base),
                processing_class=tokenizer,
                train_dataset=Dataset.from_list(rows),
                peft_config=LoraConfig(
                    task_type="CAUSAL_LM", r=settings.rank, lora_alpha=settings.alpha,
                    target_modules=list(settings.target_modules),
                ),
                args=SFTConfig(
                    output_dir=scratch, num_train_epochs=1, learning_rate=settings.learning_rate, seed=0,
                    per_device_train_batch_size=settings.batch_size, max_length=256, bf16=False, report_to="none",
                    gradient_checkpointing=checkpointing, logging_steps=1, save_strategy="no",
                    include_num_input_tokens_seen="non_padding", dataloader_pin_memory=False,
                ),
            )  # fmt: skip
            trainer.train()
        tokens = int(trainer.state.num_input_tokens_seen)
        return {"tokens": tokens, "loss": [one["loss"] for one in trainer.state.log_history if "loss" in one][-1]}

    return run


def answers(clock: Clock, count: int, folder: Path) -> dict[str, Any]:
    """The mean loss in nats per token of what both numbers of OpenVINO wrote, by the model in float32."""
    from resources.models.language_model import LanguageModel

    prompts, model = workload.prompts(count), LanguageModel(workload.model())
    found = {}
    with clock.work():
        for name in ("openvino", "openvino bfloat16"):
            written = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            asked = [pair for pair in zip(prompts, written, strict=True) if pair[1].strip()]
            measured = []
            for batch in batches([sum(map(len, model.texts.measured(*one))) for one in asked], *READING):
                measured += model.losses([asked[place] for place in batch])
            total = sum(tokens for _, tokens in measured)
            found[name] = sum(loss * tokens for loss, tokens in measured) / total
    return {"mean_loss": found}


CONTENDERS: dict[str, Callable[..., dict[str, Any]]] = {
    "prepare": prepare,
    "one by one": transformers(1),
    "static batches": transformers(None),
    "openvino": openvino("float32"),
    "openvino bfloat16": openvino("bfloat16"),
    "static batches, adapter": transformers(None, adapted=True),
    "openvino, adapter": openvino("float32", adapted=True),
    "openvino bfloat16, adapter": openvino("bfloat16", adapted=True),
    "answers": answers,
    "losses": losses,
    "plain forward pass": plain_losses,
    "embeddings": embeddings,
    "plain sentence-transformers": plain_embeddings,
    "training": training,
    "plain trl": plain_training(checkpointing=True),
    "plain trl without checkpointing": plain_training(checkpointing=False),
}


def _written(rows: list[Any]) -> dict[str, Any]:
    return {"tokens": sum(tokens for _, tokens, _ in rows), "rows": len(rows), "texts": [text for text, _, _ in rows]}


def main() -> None:
    """Runs one contender."""
    quiet()
    name, count, folder = sys.argv[1:]
    clock = Clock()
    found = CONTENDERS[name](clock, int(count), Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps(found | {"seconds": clock.seconds, "ready": clock.ready, "gib": peak}))


if __name__ == "__main__":
    main()
