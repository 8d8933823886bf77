"""The JSON Schema of a recipe file, for editors: keys and values are completed and checked while they are typed.

It says less than `slingshot check`. A recipe may extend another, so a key of a mapping may be missing, or be null to
remove it; only the items of lists are whole. What depends on several keys, as a name that must exist, is not in it.
"""

from __future__ import annotations

from typing import Any

from assets.loading.whole import FullRecipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/"
_LEFT_OUT = ("title", "discriminator", "required")
_NULL = {"type": "null"}


def recipe_schema() -> dict[str, Any]:
    """The schema of a recipe file, in the dialect of 2020-12."""
    whole = FullRecipe.model_json_schema()
    found = _Partial(whole["$defs"])
    recipe = found.of_object(whole)
    extends = {"type": "string", "description": 'The recipe to start from: "starter", or a path relative to this file.'}
    return {
        "$schema": DIALECT,
        "title": "A recipe of Slingshot",
        **recipe,
        "properties": {"extends": extends, **recipe["properties"]},
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": whole["required"]},
        "$defs": dict(sorted(found.defs.items())),
    }


class _Partial:
    """Makes schemas of mappings that may lack keys, from pydantic's; `defs` collects what they refer to."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self.whole = whole
        self.defs: dict[str, Any] = {}

    def of_object(self, schema: dict[str, Any]) -> dict[str, Any]:
        made = {key: value for key, value in schema.items() if key not in ("$defs", *_LEFT_OUT)}
        made |= _described(schema)
        return made | {"properties": {name: self._or_null(one) for name, one in schema.get("properties", {}).items()}}

    def of(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema of a value in a mapping."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_REF)
            if f"{name}.partial" not in self.defs:
                self.defs[f"{name}.partial"] = {}  # a part may hold itself
                self.defs[f"{name}.partial"] = self.of_object(self.whole[name]) | {"type": ["object", "null"]}
            return {"$ref": f"{_REF}{name}.partial"}
        made = {key: value for key, value in schema.items() if key not in _LEFT_OUT and value not in (None, {}, [])}
        for key in ("anyOf", "oneOf"):
            if key in schema:
                # Without their required keys, several of the choices may fit.
                made.pop(key)
                made["anyOf"] = [self.of(one) for one in schema[key]]
        for key in ("items", "prefixItems"):
            if key in schema:
                made[key] = self._strict(schema[key])
        if "patternProperties" in schema:
            made["patternProperties"] = {name: self._or_null(one) for name, one in schema["patternProperties"].items()}
            made["additionalProperties"] = False
        return made

    def _or_null(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema of a value that may be null; a list of types keeps the messages of editors close to the fault."""
        made = self.of(schema)
        if "const" in made:
            made["enum"] = [made.pop("const")]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        elif "anyOf" in made and _NULL not in made["anyOf"]:
            made["anyOf"] = [*made["anyOf"], _NULL]
        return made

    def _strict(self, schema: Any) -> Any:
        """The schema of an item of a list, with everything in it: lists are replaced as a whole."""
        if isinstance(schema, list):
            return [self._strict(one) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(_REF)
            if name not in self.defs:
                self.defs[name] = {}
                self.defs[name] = self._strict(self.whole[name]) | _described(self.whole[name])
            return {"$ref": f"{_REF}{name}"}
        # A key of the recipe may be called "title"; pydantic's own are texts.
        return {key: self._strict(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}


def _described(schema: dict[str, Any]) -> dict[str, str]:
    """The description without the line breaks of a docstring within a paragraph."""
    paragraphs = schema.get("description", "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return {"description": text} if text else {}
