"""A tiny model of the starter's architecture, and a recipe that builds with it in seconds."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import yaml

from resources.fetching.tree_digest import tree_digest
from warehouse.core.identity import file_digest

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""
SHARED = ROOT.parent / "shared"
"""Real data for some tests, which skip without it."""
WORDS = ["what", "is", "the", "how", "does", "a", "near", "old", "river", "stone", "garden", "house", "grow", "and"]
CHAT = (
    "{% for message in messages %}{{ message['role'] + ' : ' + message['content'] + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant : ' }}{% endif %}"
)


def save_tiny_model(folder: Path) -> Path:
    """A randomly initialised Llama with two layers. Its tokens are whole words, so that its texts have sentences."""
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = ["<unk>", "<s>", "</s>", "\n", ".", ":", "user", "assistant", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split(Regex(r"\n|[.]"), "isolated")]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="</s>",
        chat_template=CHAT,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def save_tiny_embedder(folder: Path) -> Path:
    """A randomly initialised sentence-transformers model of MiniLM's architecture."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    bert = folder / "bert"
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]))
    BertTokenizerFast(vocab_file=str(bert / "vocab.txt")).save_pretrained(bert)
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=5 + len(WORDS),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        )
    ).save_pretrained(bert)
    transformer = Transformer(str(bert))
    model = SentenceTransformer(modules=[transformer, Pooling(16)], device="cpu")
    model.save(str(folder / "model"))
    return folder / "model"


def sentence(draw: random.Random, words: int) -> str:
    """A sentence of words from the vocabulary of the tiny model."""
    return " ".join(draw.choice(WORDS) for _ in range(words)) + " ."


def write_rows(path: Path, rows: int, seed: int) -> Path:
    """A source of `rows` rows with title, text and answer."""
    draw = random.Random(seed)
    lines = (
        {
            "title": f"{draw.choice(WORDS)} {draw.choice(WORDS)} {index}",
            "text": " ".join(sentence(draw, 6) for _ in range(3)),
        }
        for index in range(rows)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def plainer(recipe: dict[str, Any]) -> dict[str, Any]:
    """The starter with the paper's own filter, and with one candidate for each pair, which takes less time."""
    for method in ("instruction_generation", "extract_then_generate"):
        del recipe["generation"][method]["candidates"]
    recipe["enhancement"]["perplexity"] = recipe["enhancement"].pop("alignment")
    filters = recipe["arms"]["filtered_extract_then_generate"]["filters"]
    filters[filters.index("alignment")] = "perplexity"
    return recipe


def tiny_recipe(model: Path, embedder: Path, source: Path) -> dict[str, Any]:
    """The starter recipe with the tiny models, one small source and small counts."""
    recipe = plainer(yaml.safe_load((ROOT / "recipe.yaml").read_text()))
    for name, folder in (("generator", model), ("embedder", embedder)):
        recipe["models"][name] = {
            "address": f"path:{folder}",
            "sha256": tree_digest(folder),
            "licence": "Apache-2.0",
            "origin": "human",
        }
    # Its export to OpenVINO takes longer than all that it writes.
    recipe["models"]["generator"]["engine"] = "transformers"
    del recipe["ancestors"], recipe["policy"]["exceptions"]
    row_source = {"address": f"path:{source}", "sha256": file_digest(source), "licence": "CC0-1.0", "origin": "human"}
    recipe["sources"] = {"rows": row_source}
    pair = {"instruction": "what is the {title}", "response": "{text}"}
    recipe["seed_tasks"] = [{"source": "rows", "slice": [0, 40], "count": 12, "fields": pair}]
    recipe["documents"] = [{"source": "rows", "slice": [40, 90], "count": 12, "fields": {"text": "{text}"}}]
    recipe["benchmark_items"] = [
        {
            "benchmark": "longform",
            "source": "rows",
            "slice": [90, 100],
            "count": 2,
            "fields": {"instruction": "what is the {title}", "reference": "{text}"},
        }
    ]
    generation = recipe["generation"]
    generation["backward_model"] |= {"epochs": 1, "batch_size": 4, "max_tokens": 128, "last_layers": 2}
    sampling = {"temperature": 1.0, "top_p": 1.0}
    generation["self_training"] = {"count": 12, "response": {"max_new_tokens": 24, **sampling}}
    generation["self_instruct"] = {
        "calls": 24,
        "rounds": 2,
        "most": 16,
        "demonstrations": 4,
        "machine_demonstrations": 1,
        "rouge_l": 0.9,
        "instruction": {"max_new_tokens": 24, **sampling},
        "response": {"max_new_tokens": 24, **sampling},
    }
    for method in ("instruction_generation", "extract_then_generate"):
        generation[method] = {"instruction": {"max_new_tokens": 24, **sampling}}
    recipe["enhancement"]["fragments"]["extraction"] = {"max_new_tokens": 8, **sampling}
    recipe["enhancement"]["heuristics"] = {
        "instruction_words": [1, 100],
        "response_words": [1, 100],
        "most_repeated_line": 1,
        "copied_words": 1,
    }
    # Only exact copies are this similar. At 1.0 the last bit of the cosine would decide, and processors differ in it.
    recipe["curation"] = {"diversity": {"embedder": "embedder", "similarity": 0.9999}, "rows": 2}
    recipe["training"] |= {"batch_size": 2, "max_tokens": 128, "last_layers": 2}
    recipe["evaluation"]["longform"]["answer"] = {"max_new_tokens": 8}
    return recipe


def with_two_arms(recipe: dict[str, Any]) -> None:
    """Keeps an arm of each of the paper's two ways, and no other method."""
    for name in ("self_instruct", "instruction_generation"):
        del recipe["arms"][name], recipe["generation"][name]


def quick(recipe: dict[str, Any]) -> None:
    """Keeps one arm, and commits few calls at a time."""
    recipe["chunk"] = 4
    for arm in ("self_instruct", "instruction_generation"):
        del recipe["arms"][arm]
    recipe["curation"]["rows"] = 5
