"""Describes a folder of training sets in Croissant 1.0, the format in which data catalogues read data sets.

Each Parquet file is a record set of its own, named by config and split.
https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.release.attribution import COLUMNS
from warehouse.release.card import languages, materials_of
from warehouse.release.contents import Contents
from warehouse.release.layout import table
from warehouse.release.licences import addresses

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
PARQUET = "application/x-parquet"

MEANINGS = {
    "id": "hash of the content and of what it was made from",
    "method": "the method that made the pair; in test the benchmark",
    "level": "what of a document the instruction was written for, if that was asked: keywords, sentence or model",
    "instruction": "what is asked",
    "input": "what the instruction is about, often empty",
    "response": "the answer; in test the human reference",
    "sources": "the source of each human text behind the row",
    "titles": "the title of each human text behind the row",
    "licences": "the licence of each human text behind the row",
}
"""What each column of the Parquet files has."""

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(found: Sequence[Contents], name: str, digests: Mapping[str, str]) -> str:
    """The text of croissant.json for the training sets in a folder; `digests` has the SHA-256 of each Parquet file."""
    files = [(one, split, table(one.arm, split)) for one in found for split in one.splits]
    materials = [one for one in materials_of(found) if one.role == "source"] or materials_of(found)
    built = max(one.provenance.finished for one in found)
    spoken = languages(found)
    return json.dumps(
        {
            "@context": _CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": CONFORMS_TO,
            "name": name,
            "description": f"Pairs of an instruction and a response, made with open models: {_named(found)}.",
            "license": addresses(one.licence for one in materials) or ["unknown"],
            "url": "https://huggingface.co/docs/datasets" if not name else "README.md",
            "version": _version(built),
            "datePublished": built.date().isoformat(),
            "creator": {"@type": "sc:Organization", "name": "the owner of the recipe"},
            **({"inLanguage": spoken} if spoken else {}),
            "distribution": [
                {
                    "@type": "cr:FileObject",
                    "@id": path,
                    "name": path,
                    "contentUrl": path,
                    "encodingFormat": PARQUET,
                    "sha256": digests[path],
                }
                for _, _, path in files
            ],
            "recordSet": [_records(f"{one.arm}/{split}", path, one.splits[split]) for one, split, path in files],
        },
        indent=1,
        ensure_ascii=False,
    ) + "\n"  # fmt: skip


def _records(name: str, path: str, rows: pl.DataFrame) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"{len(rows)} rows",
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": f"{name}/{column}",
                "description": MEANINGS.get(column, column),
                "dataType": "sc:Text",
                **({"repeated": True} if column in COLUMNS else {}),
                "source": {"fileObject": {"@id": path}, "extract": {"column": column}},
            }
            for column in rows.columns
        ],
    }


def _named(found: Sequence[Contents]) -> str:
    return ", ".join(f"{one.arm} ({len(one.row_ids):,} pairs)" for one in found)


def _version(built: datetime) -> str:
    """The time of the build as a semantic version, which Croissant asks for: day, hour and minute, second."""
    return f"{built:%Y%m%d}.{built.hour * 60 + built.minute}.{built.second}"
