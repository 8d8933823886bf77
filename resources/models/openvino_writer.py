"""Completions through OpenVINO GenAI: rows come and go in one running batch, and their caches share pages of memory.

Library: https://docs.openvino.ai/2026/openvino-workflow-generative/inference-with-genai.html
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from resources.models.calls import Prompt, Sampling
from resources.models.model_texts import ModelTexts, Written
from resources.models.quiet import refuse_telemetry

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "KV_CACHE_PRECISION": "f32"}
"""Properties with which greedy answers are those of transformers in float32."""
BFLOAT16 = {"INFERENCE_PRECISION_HINT": "bf16", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0, "KV_CACHE_PRECISION": "bf16"}

ROWS_AT_ONCE = 64
TOKENS_AT_ONCE = 2_048
"""The most rows that are written at the same time, and the most tokens that one step reads (our choices)."""


class OpenVinoWriter:
    """The exported model in `graph`, which reads and writes as `texts` says, with the LoRA adapter in a folder."""

    most = (sys.maxsize, sys.maxsize)
    """The most rows and tokens of a chunk: there is no limit, since rows get memory when they need it."""

    def __init__(self, graph: Path, texts: ModelTexts, precision: str = "float32", adapter: Path | None = None) -> None:
        refuse_telemetry()
        import openvino_genai as genai

        self.texts = texts
        scheduler = genai.SchedulerConfig()
        scheduler.max_num_seqs, scheduler.max_num_batched_tokens = ROWS_AT_ONCE, TOKENS_AT_ONCE
        # What earlier rows left in memory must not change how later ones are computed.
        scheduler.enable_prefix_caching = False
        properties: dict[str, Any] = dict(EXACT if precision == "float32" else BFLOAT16)
        if adapter is not None:
            properties["adapters"] = _adapters(adapter)
        self.pipeline = genai.ContinuousBatchingPipeline(str(graph), scheduler, "CPU", properties)
        if adapter is not None:
            self.use(adapter)

    def use(self, adapter: Path) -> None:
        """Puts another LoRA adapter in the place of the present one, which must have the same layers (`layers_of`)."""
        import numpy as np
        import openvino as ov

        # Rows that are added one by one get the adapter that the last `generate` set; they cannot set it themselves.
        settings = self._settings(Prompt(), Sampling(1))
        settings.adapters = _adapters(adapter)
        self.pipeline.generate([ov.Tensor(np.array([[self.texts.first]]))], [settings])

    def complete(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        done: Callable[[int, int], None] = lambda rows, tokens: None,
    ) -> list[Written]:
        """One completion per prompt; each row is sampled with its own seed. `done` gets how many rows have ended, and
        how many tokens all rows have."""
        import numpy as np
        import openvino as ov

        rows: list[list[int]] = [[] for _ in prompts]
        stops = [self.texts.stops(prompt, sampling) for prompt in prompts]
        handles = {
            number: self.pipeline.add_request(
                number, ov.Tensor(np.array([self.texts.of_prompt(prompt)])), self._settings(prompt, sampling)
            )
            for number, prompt in enumerate(prompts)
        }
        while handles:
            self.pipeline.step()
            for number, handle in list(handles.items()):
                while handle.can_read():
                    for output in handle.read().values():
                        rows[number] += output.generated_ids
                if self._is_stopped(rows[number], stops[number]):
                    handle.stop()
                    del handles[number]
                elif _has_ended(handle):
                    del handles[number]
            done(len(prompts) - len(handles), sum(map(len, rows)))
        return [self.texts.written(row, own, sampling.max_new_tokens) for row, own in zip(rows, stops, strict=True)]

    def _is_stopped(self, row: list[int], stops: Sequence[str]) -> bool:
        if not stops:
            return False
        text = self.texts.decoded(row)
        return any(stop in text for stop in stops)

    def _settings(self, prompt: Prompt, sampling: Sampling) -> Any:
        import openvino_genai as genai

        settings = genai.GenerationConfig()
        settings.max_new_tokens = sampling.max_new_tokens
        if self.texts.ends:
            settings.eos_token_id, settings.stop_token_ids = self.texts.ends[0], set(self.texts.ends)
        settings.do_sample = sampling.temperature > 0
        if settings.do_sample:
            settings.temperature, settings.top_p = sampling.temperature, sampling.top_p
            settings.rng_seed = prompt.seed % 2**32
        return settings


def layers_of(adapter: Path) -> tuple[str, ...]:
    """The names of an adapter's tensors: what a pipeline must have been made for to use it."""
    from safetensors import safe_open

    with safe_open(adapter / "adapter_model.safetensors", "numpy") as file:
        return tuple(sorted(file.keys()))


def _has_ended(handle: Any) -> bool:
    """Whether a row is complete. Raises RuntimeError where it never will be."""
    import openvino_genai as genai

    status = handle.get_status()
    if status == genai.GenerationStatus.IGNORED:
        raise RuntimeError("OpenVINO has no memory for the keys and values of a prompt")
    return bool(status != genai.GenerationStatus.RUNNING)


def _adapters(folder: Path) -> Any:
    import openvino_genai as genai

    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    adapter = genai.Adapter(str(folder / "adapter_model.safetensors"))
    return genai.AdapterConfig(adapter, settings["lora_alpha"] / settings["r"], genai.AdapterConfig.Mode.MODE_DYNAMIC)
