"""Fine-tuning through the memo: the same training on the same examples runs once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from resources.models import protocol
from resources.models.calls import Adapter, Prompt, Trained, Training
from resources.models.device import numerics
from resources.models.model_folder import ModelFolder
from resources.tools.batching import Batches
from resources.tools.jobs import nobody
from resources.tools.keys import keys_of
from resources.tools.opened import require_device
from resources.tools.session import Progress, Session
from resources.tools.workbench import Workbench
from warehouse.core.atomic import removed
from warehouse.core.errors import UserError
from warehouse.core.identity import digest
from warehouse.store.calls import Answer, Call
from warehouse.store.checkpoints import MODEL_WEIGHTS, WEIGHTS, CheckpointFiles, Files, is_model


def train(
    session: Session,
    name: str,
    examples: Sequence[tuple[Prompt, str]],
    training: Training,
    held_out: Sequence[tuple[Prompt, str]] = (),
) -> Trained:
    """The language model `name`, fine-tuned on (prompt, completion) examples; the loss of `held_out` is measured.

    Raises UserError where the training fails; the error is also recorded in memo.failures.
    """
    bench = session.bench
    request = {
        "examples": _digest(examples),
        "count": len(examples),
        **training.request(),
    } | ({"held_out": _digest(held_out)} if held_out else {})
    stamp = protocol.stamp(protocol.TRAINING, numerics(bench.device))
    model = bench.models[name].id
    contents = [[*prompt.contents, text] for prompt, text in (*examples, *held_out)]

    def keyed(folder: ModelFolder | None) -> list[Call]:
        literal = next((found for one in contents if (found := folder.read_stamp(one))), {}) if folder else {}
        return [Call("training", model, request | stamp | literal)]

    (call,) = keys_of(session, name, keyed)
    files = bench.checkpoints

    def compose(missing: list[Call]) -> Batches:
        # A node does not report its steps.
        session.progress(f"{'training' if bench.workers.device else 'loading'} {name}")(0, 0)
        yield (
            missing,
            Tuning(
                bench,
                name,
                examples,
                training,
                held_out,
                files.recorded(call.key),
                bench.device,
                session.progress("training steps"),
            ),
        )

    memo = session.memo("trl", "peft", "transformers", "torch", numerics=numerics(bench.device))
    (answer,) = memo.run([call], compose, void=lambda call, _: files.fault(call.key) is not None)
    if answer.error:
        raise UserError(f"{name} could not be fine-tuned on {len(examples)} examples: {answer.error}")
    found = answer.response
    return Trained(Adapter(call.key, found["weights"]), found["losses"], call.key, found.get("validation", ()))


@dataclass(frozen=True)
class Tuning:
    """Trains the model `name` and writes the files into the warehouse's folder; `recorded` are those on record,
    `device` is the kind of device that its key says.

    `progress` gets the steps where the training is computed by the process that builds."""

    bench: Workbench
    name: str
    examples: Sequence[tuple[Prompt, str]]
    training: Training
    held_out: Sequence[tuple[Prompt, str]]
    recorded: Files
    device: str
    progress: Progress = nobody

    def __call__(self, batch: list[Call]) -> list[Answer]:
        """The answer to the only call of the batch."""
        from resources.models.trainer import train_adapter

        (call,) = batch
        files = self.bench.checkpoints
        require_device(f"{self.name} is to be trained on {self.device}", self.device)
        if files.database.remote:
            files.database.remote.require_writable()
        self.bench.make_room()
        _remove_unless_intact(files, call.key, self.recorded)
        began = time.monotonic()
        made = train_adapter(
            self.bench.base_folder(self.name),
            self.examples,
            self.training,
            files.folder(call.key),
            self.progress,
            self.held_out,
        )
        files.share(call.key)
        response = {"weights": made.weights, "losses": made.losses, "files": files.found(call.key)}
        response |= {"validation": list(made.validation)} if self.held_out else {}
        return [Answer(response, made.tokens, time.monotonic() - began)]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"progress": nobody}


def _digest(examples: Sequence[tuple[Prompt, str]]) -> str:
    return digest([[list(prompt.messages), prompt.text, text] for prompt, text in examples])


def _remove_unless_intact(files: CheckpointFiles, training: str, recorded: Files) -> None:
    """Removes the files of a training that are not those on record; the trainer would take them for its own.

    A kill can come between the end of a training and its commit. Then nothing is on record, and the files stay if the
    weights are those that the trainer noted.
    """
    from resources.models.trainer import OUTCOME

    folder = files.folder(training)
    if files.local_fault(training, recorded) is None:
        with suppress(OSError, ValueError, LookupError, TypeError):
            noted = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
            if noted["weights"] == files.found(training)[MODEL_WEIGHTS if is_model(folder) else WEIGHTS]:
                return
    removed(folder)
