"""Fine-tuning with trl, by LoRA (peft) or of all weights, resumable after a kill.

The loss is that of completions only. Weights are saved as safetensors.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from resources.models.calls import Prompt, Training
from resources.models.chat_template import with_template
from resources.models.device import dtype, on_gpu
from resources.models.layers import lora_faults
from resources.models.loading import load_language_model, load_tokenizer
from resources.models.packing import NO_LOSS, keeps_rows_apart, packed
from resources.models.prompt_tokens import PromptTokens
from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.store.checkpoints import MODEL_WEIGHTS, SETTINGS, WEIGHTS

OUTCOME = "training.json"
Example = tuple[Prompt, str]
"""(prompt of messages, the completion whose tokens carry the loss)."""


@dataclass(frozen=True)
class Outcome:
    """The SHA-256 of the trained weights, the mean loss of every optimizer step in nats per token, and the number of
    tokens read; `validation` is the loss of the held-out examples after each epoch, the mean over examples."""

    weights: str
    losses: list[float]
    tokens: int
    validation: tuple[float, ...] = ()


def train_adapter(
    base: Path,
    examples: Sequence[Example],
    training: Training,
    target: Path,
    progress: Callable[[int, int], None] = lambda step, steps: None,
    held_out: Sequence[Example] = (),
) -> Outcome:
    """Fine-tunes the model in `base` on `examples`; the adapter, or the model with all its weights, appears in
    `target` completely or not at all.

    After each epoch the loss of `held_out` is measured, which nothing is learned from. The outcome is also in the file
    OUTCOME of `target`: if it exists, nothing is trained. A run that was killed resumes from its last complete
    checkpoint (one every `checkpoint_every` steps), which is kept beside `target` until then.

    A response that does not fit into `max_tokens` is cut, and then no end of turn is learned after it. Raises UserError
    if a prompt leaves no room for its response at all, and where the model cannot be loaded.
    """
    outcome, unfinished = target / OUTCOME, target.with_name(target.name + ".unfinished")
    if outcome.is_file():
        shutil.rmtree(unfinished, ignore_errors=True)  # a kill may have come right after the renaming
        found = json.loads(outcome.read_text(encoding="utf-8"))
        return Outcome(**found | {"validation": tuple(found.get("validation", ()))})

    from transformers import PrinterCallback

    is_lora = training.method == "lora"
    if faults := lora_faults(base, training.target_modules, training.last_layers) if is_lora else {}:
        raise UserError("; ".join(f"{name}: found {found!r}; {right}" for name, (found, right) in faults.items()))
    tokenizer = with_template(load_tokenizer(base))
    both = list(_rows(PromptTokens(tokenizer), [*examples, *held_out], training.max_tokens))
    if lost := both.count(None):
        raise UserError(
            f"{lost} of {len(both)} examples have a prompt that leaves no room for a response within max_tokens "
            f"({training.max_tokens}); raise max_tokens, or keep long instructions and inputs out"
        )
    rows = [row for row in both if row]
    trainer = _trainer(base, tokenizer, rows[: len(examples)], training, unfinished, rows[len(examples) :])
    trainer.add_callback(_progress_callback(progress))
    trainer.remove_callback(PrinterCallback)
    unfinished.mkdir(parents=True, exist_ok=True)
    trainer.train(resume_from_checkpoint=_last_complete_checkpoint(unfinished))
    losses, validation = (
        [float(entry[key]) for entry in trainer.state.log_history if key in entry] for key in ("loss", "eval_loss")
    )
    finished = target.with_name(target.name + ".finished")
    shutil.rmtree(finished, ignore_errors=True)
    if is_lora:
        trainer.model.save_pretrained(str(finished), safe_serialization=True)
        _sort_layers(finished / SETTINGS)
    else:
        # In the type of numbers in which models are served, and in one file, whose digest is that of the weights.
        trainer.model.to(dtype()).save_pretrained(str(finished), max_shard_size="100TB")
    trainer.processing_class.save_pretrained(str(finished))
    weights = file_digest(finished / (WEIGHTS if is_lora else MODEL_WEIGHTS))
    made = Outcome(weights, losses, int(trainer.state.num_input_tokens_seen), tuple(validation))
    (finished / OUTCOME).write_text(json.dumps({name: value for name, value in asdict(made).items() if value != ()}))
    finished.rename(target)
    shutil.rmtree(unfinished, ignore_errors=True)
    return made


def _rows(tokens: PromptTokens, examples: Sequence[Example], most: int) -> Iterator[dict[str, list[int]] | None]:
    """The rows that trl trains on: at most `most` ids each, and labels, which are NO_LOSS before the completion.

    trl itself would read control tokens in an example as such. None for an example of which only the prompt is left.
    """
    for prompt, completion in examples:
        ids, start = tokens.example(prompt, completion)
        labels = [NO_LOSS] * start + ids[start:]
        yield {"input_ids": ids[:most], "labels": labels[:most]} if start < min(most, len(ids)) else None


def _trainer(
    base: Path,
    tokenizer: Any,
    rows: Sequence[dict[str, list[int]]],
    training: Training,
    folder: Path,
    held_out: Sequence[dict[str, list[int]]] = (),
) -> Any:
    """A trl trainer that saves its checkpoints in `folder`, and measures the loss of `held_out` after each epoch."""
    import torch
    from datasets import Dataset

    is_lora = training.method == "lora"
    # All weights are trained in float32, also where they compute in bfloat16: small steps would be rounded away.
    model = load_language_model(base, dtype=dtype() if is_lora else torch.float32)
    return _completion_trainer()(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(list(rows)),
        eval_dataset=Dataset.from_list(list(held_out)) if held_out else None,
        peft_config=_adapter(training, model.config.num_hidden_layers),
        args=_settings(training, folder, math.ceil(len(rows) / training.batch_size) if held_out else None),
    )


def _adapter(training: Training, layers: int) -> Any:
    """peft's settings of the adapter of a model with so many layers; None where all weights are trained."""
    from peft import LoraConfig

    if training.method == "full":
        return None
    assert training.rank and training.alpha  # see assets/loading/trainings.py
    last = training.last_layers
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        target_modules=list(training.target_modules),
        layers_to_transform=None if last is None else list(range(layers - last, layers)),
    )


def _settings(training: Training, folder: Path, evaluate_every: int | None = None) -> Any:
    """trl's settings of a training on one device, which measures held-out examples every `evaluate_every` steps."""
    from trl import SFTConfig

    gpu, at_once = on_gpu(), training.micro_batch or training.batch_size
    scheduler = training.scheduler
    settings = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=training.epochs,
        learning_rate=training.learning_rate,
        lr_scheduler_type="constant_with_warmup" if scheduler == "constant" and training.warmup else scheduler,
        warmup_steps=training.warmup,
        weight_decay=training.weight_decay,
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=training.batch_size // at_once,
        max_length=training.max_tokens,
        seed=training.seed % 2**32,
        # Recomputing activations lets large models fit on a GPU; on a CPU it would only halve the speed.
        gradient_checkpointing=gpu,
        bf16=gpu or training.precision == "bfloat16",
        use_cpu=not gpu and training.precision is not None,  # without it, bf16 is refused where there is no GPU
        # At the last step of each epoch, not at the "epoch": a checkpoint of that step then has the measured loss.
        eval_strategy="steps" if evaluate_every else "no",
        eval_steps=evaluate_every,
        # One by one, so that their mean is over examples, however they would be put into batches.
        per_device_eval_batch_size=1,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=training.checkpoint_every,
        save_total_limit=1,
        logging_steps=1,
        include_num_input_tokens_seen="non_padding",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=gpu,
    )
    if settings.n_gpu > 1:
        # With several GPUs, transformers would split each batch among them (DataParallel), which trl refuses, and the
        # batch size would be another than the recipe's.
        settings._n_gpu = 1
    return settings


def _sort_layers(settings: Path) -> None:
    """Sorts the names of layers in a file of peft, which writes a set: the file would differ between processes."""
    found = json.loads(settings.read_text(encoding="utf-8"))
    found["target_modules"] = sorted(found["target_modules"])
    settings.write_text(json.dumps(found, indent=2, sort_keys=True), encoding="utf-8")


def _last_complete_checkpoint(unfinished: Path) -> str | None:
    """The newest complete checkpoint; newer ones that a kill left incomplete are removed."""
    steps = {int(folder.name.split("-")[1]): folder for folder in unfinished.glob("checkpoint-*")}
    for _, folder in sorted(steps.items(), reverse=True):
        try:
            json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))  # written last
        except (OSError, ValueError):
            shutil.rmtree(folder)
        else:
            return str(folder)
    return None


def _completion_trainer() -> Any:
    from trl import SFTTrainer

    from resources.models.completion_loss import summed_loss

    class CompletionTrainer(SFTTrainer):
        """Computes logits only at the positions that count in the loss, and nothing for padding on a CPU.

        Without Triton, trl's own loss computes them at every position, also of the prompts, and their entropy too.
        """

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            read, labels = {name: inputs[name] for name in ("input_ids", "attention_mask")}, inputs["labels"]
            if self.packs_rows:
                read, labels = packed(read["input_ids"], read["attention_mask"], labels)
            targets = labels[:, 1:]
            counted = targets != NO_LOSS
            positions = counted.any(dim=0).nonzero().squeeze(-1)
            outputs = model(**read, logits_to_keep=positions, use_cache=False)
            logits, wanted = outputs.logits.flatten(0, 1), targets[:, positions].flatten()
            if not self.packs_rows:
                logits, wanted = logits[wanted != NO_LOSS], wanted[wanted != NO_LOSS]
            total = summed_loss(logits, wanted)
            loss = total / (counted.sum() if num_items_in_batch is None else num_items_in_batch)
            return (loss, outputs) if return_outputs else loss

        @cached_property
        def packs_rows(self) -> bool:
            """Whether the rows of a batch are read as one; on a GPU, attention to all of them would cost more."""
            return not on_gpu() and keeps_rows_apart(self.model)

    return CompletionTrainer


def _progress_callback(progress: Callable[[int, int], None]) -> Any:
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        """Reports each step."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                progress(state.global_step, state.max_steps)

    return Progress()
