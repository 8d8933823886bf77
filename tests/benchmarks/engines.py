"""How fast the engines are and how much memory they take, beside their peers, on the starter's model.

Run it with `python -m tests.benchmarks.engines`; --json FILE writes the figures into a file.
All write the same prompts, of 10 to 250 words, greedily, with at most 200 tokens each. Peak memory is what the
operating system counted for each process. Aims: OpenVINO at least 15 times as fast as one row after the other and 3
times as fast as static batches with identical answers, 6 times in bfloat16 where the processor has it; losses and
training at least as fast as the libraries alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.benchmarks.contenders import CONTENDERS
from tests.support.tiny import ROOT

PEERS: dict[str, tuple[str, ...]] = {
    "openvino": ("one by one", "static batches"),
    "openvino bfloat16": ("one by one", "static batches"),
    "openvino, adapter": ("static batches, adapter",),
    "openvino bfloat16, adapter": ("static batches, adapter",),
    "losses": ("plain forward pass",),
    "embeddings": ("plain sentence-transformers",),
    "training": ("plain trl", "plain trl without checkpointing"),
}
"""What each contender is compared with."""


def main() -> None:
    """Runs the contenders one after the other and prints the table, and the JSON into a file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="; ".join(CONTENDERS))
    parser.add_argument("--prompts", type=int, default=256)
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in CONTENDERS:
            if name == "prepare" or not options.names or name in options.names:
                figures[name] = run(name, options.prompts, folder)
                print(f"{name}: {figures[name]['seconds']:.1f} s", file=sys.stderr)
                if "texts" in figures[name]:
                    Path(folder, f"{name}.json").write_text(json.dumps(figures[name]["texts"]), encoding="utf-8")
    figures = {name: one | compared(name, figures) for name, one in figures.items()}
    found = {"machine": machine(), "prompts": options.prompts, "figures": figures}
    Console(width=140).print(table_of(figures), json.dumps(found["machine"]), sep="\n")
    for name, loss in figures.get("answers", {}).get("mean_loss", {}).items():
        print(f"mean loss of the answers of {name}, by the model in float32: {loss:.4f} nats per token")
    if options.json:
        bare = {name: {key: value for key, value in one.items() if key != "texts"} for name, one in figures.items()}
        options.json.write_text(json.dumps(found | {"figures": bare}, indent=1), encoding="utf-8")


def run(name: str, prompts: int, folder: str) -> dict[str, Any]:
    """What a contender did, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.contenders", name, str(prompts), folder]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"rate": found.get("tokens", found.get("rows", 0)) / found["seconds"]}


def compared(name: str, figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The speed of a contender beside that of its peers, and how many of its texts are those of the last one."""
    peers = [peer for peer in PEERS.get(name, ()) if peer in figures]
    found: dict[str, Any] = {"times": {peer: figures[name]["rate"] / figures[peer]["rate"] for peer in peers}}
    if peers and "texts" in figures[name]:
        pairs = zip(figures[name]["texts"], figures[peers[-1]]["texts"], strict=True)
        found["identical"] = sum(mine == other for mine, other in pairs)
    return found


def table_of(figures: dict[str, dict[str, Any]]) -> Table:
    """One line per contender."""
    table = Table("what", "per second", "seconds", "loading", "peak GiB", "as fast as", "identical", box=None)
    for name, one in figures.items():
        unit = "tokens" if "tokens" in one else "rows"
        table.add_row(
            name,
            f"{one['rate']:.0f} {unit}" if one["rate"] else "",
            f"{one['seconds']:.1f}",
            f"{one['ready']:.1f}",
            f"{one['gib']:.2f}",
            ", ".join(f"{times:.1f}× {peer}" for peer, times in one["times"].items()),
            f"{one['identical']} of {one['rows']}" if "identical" in one else "",
        )
    return table


def machine() -> dict[str, Any]:
    """The processor and its cores."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    known = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return {
        "processor": names[0] if names else platform.processor(),
        "instructions": known,
        "cores": psutil.cpu_count(logical=True),
        "gib": round(psutil.virtual_memory().total / 2**30),
    }


if __name__ == "__main__":
    main()
