"""Which engine writes the completions of a model on this machine, and in which numbers.

The recipe may say both (`models.NAME.engine`, `models.NAME.precision`). Otherwise a machine with a GPU uses
transformers in bfloat16, and one without uses OpenVINO in float32 where it can export the model, else transformers.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

from resources.models import device, protocol
from resources.models.device import Precision
from resources.models.quiet import refuse_telemetry

Name = Literal["transformers", "openvino"]

EXPORTABLE = frozenset({"llama", "qwen2", "qwen3", "mistral", "olmo2", "phi3", "granite", "smollm3"})
"""Architectures (`model_type` of config.json) that resources/models/openvino_export.py exports; a test tries each."""


@dataclass(frozen=True)
class Wanted:
    """What the recipe says about a model's engine; None where it leaves the choice to the machine."""

    engine: Name | None = None
    precision: Precision | None = None


@dataclass(frozen=True)
class Engine:
    """An engine, its type of numbers and the kind of device ("cpu" or "cuda")."""

    name: Name
    precision: Precision
    device: str

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that compute with it, whose versions are recorded."""
        return ("openvino-genai", "transformers") if self.name == "openvino" else ("transformers", "torch")

    @property
    def numerics(self) -> str:
        """The type of numbers and the kind of device, such as "float32 on cpu"."""
        return f"{self.precision} on {self.device}"

    def stamp(self, sampled: bool) -> dict[str, Any]:
        """What the request of a completion gets beside its content; see `protocol.stamp`.

        In float32, greedy answers of both engines are equal, so their calls are the same. OpenVINO draws with another
        random generator: a sampled row depends on its own seed there too, but its text is another one.
        """
        by = " by openvino" if self.name == "openvino" and self.precision != "float32" else ""
        stamp = protocol.stamp(protocol.COMPLETION, f"{self.numerics}{by}")
        return stamp | ({"draws": "openvino"} if self.name == "openvino" and sampled else {})

    def __str__(self) -> str:
        return f"{self.name}, {self.numerics}"


def engine_of(wanted: Wanted | None, config: dict[str, Any] | None, kind: str | None = None) -> Engine:
    """The engine for a model, by the content of its config.json; None where the model is not on this machine yet.

    `kind` is the kind of device that computes, that of this machine unless given."""
    wanted = wanted or Wanted()
    if (kind or device.device()) == "cuda" and wanted.engine != "openvino":
        return Engine("transformers", wanted.precision or "bfloat16", "cuda")
    name = wanted.engine or ("openvino" if _has_openvino() and is_exportable(config) else "transformers")
    return Engine(name, wanted.precision or "float32", "cpu")


def is_exportable(config: dict[str, Any] | None) -> bool:
    """Whether OpenVINO serves a model with this config.json; for an unknown one the answer is yes."""
    if config is None:
        return True
    sliding = config.get("sliding_window") is not None and config.get("use_sliding_window", True)
    return config.get("model_type") in EXPORTABLE and not sliding


def computes_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor, which has instructions for it then."""
    if not _has_openvino():
        return False
    refuse_telemetry()
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _has_openvino() -> bool:
    return find_spec("openvino_genai") is not None
