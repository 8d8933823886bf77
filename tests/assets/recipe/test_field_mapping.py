"""A mapping turns the rows of any source into records, and people write it by hand. So the tests check its output to
the letter, that it reaches nothing but data, and that an error in it names the remedy."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.recipe.lookup import MissingField
from assets.recipe.mapping import Mapping, MappingError, Template, TemplateError, check_fields
from assets.sources.partition import row_identity
from assets.sources.reading.read import read_rows
from tests.support.tiny import SHARED

DATA = SHARED / "data"
real_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data is not committed, and {DATA} is absent")

NO_PATH = (
    "is no path; write names without blanks around them, such as {a.0.b},"
    ' and in quotes any that has blanks around it or one of . : ? [ ] { } ", such as {"a.b"}'
)

RECIPE: dict[str, object] = {
    "title": " Toast ",
    "steps": ["Slice the bread.", "", None, " Toast it.\n"],
    "servings": 2,
    "hours": 0.5,
    "vegan": True,
    "cold": False,
    "time": None,
    "story": "Mr. Bean made toast. He ate it.",
    "note": "  ",
    "rating": float("nan"),
    "parts": {"0": "zero", "main": {"name": "bread"}},
    "instances": [{"output": "first"}, {"output": "second"}],
    "nothing": [],
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("How do I make {title}?", "How do I make Toast?"),
        ("{steps}", "Slice the bread.\nToast it."),
        ("{steps:lines}", "Slice the bread.\nToast it."),
        ("{steps:numbered}", "1. Slice the bread.\n2. Toast it."),
        ("{steps:bullets}", "- Slice the bread.\n- Toast it."),
        ("{steps:sentences}", "Slice the bread. Toast it."),
        ("{steps:commas}", "Slice the bread., Toast it."),
        ("{story:first_sentence}", "Mr. Bean made toast."),
        ("{steps:first_sentence} {title:first_sentence} {servings:first_sentence}", "Slice the bread. Toast 2"),
        ("{title:numbered}", "Toast"),
        ("{servings} {hours} {vegan} {cold}", "2 0.5 true false"),
        ("{instances.1.output}{parts.0}{parts.main.name}", "secondzerobread"),
        ("{instances:json}{servings:json}{nothing:json}", '[{"output": "first"}, {"output": "second"}]2[]'),
        ("{parts:json} {time?:json}", '{"0": "zero", "main": {"name": "bread"}}'),
        ("{{{title}}} {{title}}", "{Toast} {title}"),
        ("  plain text \n", "plain text"),
        ("{title}\n\n{time?}\n\nEnd", "Toast\n\nEnd"),
        ("{title}\n\n  {time?} \n{note?}\n\n\n    End", "Toast\n\n    End"),
        ("{time?}\n\n{title}\n\n{note?:bullets}", "Toast"),
        ("{title}\n\n\nEnd", "Toast\n\n\nEnd"),
        ("{time?}{nothing?}{rating?}{missing.0.deep?}", ""),
    ],
)
def test_a_template_renders_exactly_this_text(template: str, expected: str) -> None:
    assert Template.parse(template).render(RECIPE) == expected


def test_blank_lines_of_the_row_itself_are_kept() -> None:
    code = "def a(): ...\n\n\n\ndef b(): ..."
    assert Template.parse("{code}\n\n{note?}\n\nEnd").render({"code": code}) == code + "\n\nEnd"


def test_the_fields_of_a_template_are_its_paths() -> None:
    paths = Template.parse("{b.0.c} {a?:commas} {{x}} {b.0.c}").paths
    assert [path.text for path in paths] == ["b.0.c", "a"]


@pytest.mark.parametrize(
    ("template", "path", "message"),
    [
        ("{time}", "time", "field 'time' is absent or empty"),
        ("{note}", "note", "field 'note' is absent or empty"),
        ("{rating}", "rating", "field 'rating' is absent or empty"),
        ("{nothing:numbered}", "nothing", "field 'nothing' is absent or empty"),
        ("{title} {cook}", "cook", "field 'cook' is absent or empty"),
        ("{instances.2.output}", "instances.2.output", "field 'instances.2.output' is absent or empty"),
        (
            "{instances.-1.output}",
            "instances.-1.output",
            "field 'instances.-1.output' leads into a list; say which item, as in instances.0 or instances[role=user]",
        ),
        ("{title.0}", "title.0", "field 'title.0' is absent or empty"),
        ("{parts}", "parts", "field 'parts' holds an object, not a text; it has the fields 0, main"),
        ("{parts?}", "parts", "field 'parts' holds an object, not a text; it has the fields 0, main"),
        (
            "{instances}",
            "instances",
            "field 'instances' holds an object, not a text; it has the fields output",
        ),
    ],
)
def test_the_error_for_an_unusable_value_names_its_path(template: str, path: str, message: str) -> None:
    with pytest.raises(MissingField) as caught:
        Template.parse(template).render(RECIPE)
    assert (caught.value.path, str(caught.value)) == (path, message)


def test_the_error_for_an_unknown_type_names_it() -> None:
    with pytest.raises(MissingField, match=r"^field 'day' holds a date, not a text$"):
        Template.parse("{day}").render({"day": datetime.date(2023, 8, 22)})


@pytest.mark.parametrize(
    "path",
    ["title.__class__", "steps.__len__", "parts.keys", "title.upper", "__class__", "instances.0.__dict__"],
)
def test_attributes_cannot_be_reached(path: str) -> None:
    with pytest.raises(MissingField):
        Template.parse(f"{{{path}}}").render(RECIPE)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (" \n", "a template is empty, but it must hold a text or a placeholder such as {title}"),
        (
            "Make {title",
            "template 'Make {title', character 6: a lone '{'; write '{{' for a brace or {title} for a field",
        ),
        (
            "100 } x",
            "template '100 } x', character 5: a lone '}'; write '}}' for a brace or {title} for a field",
        ),
        (
            "{}",
            f"template '{{}}', character 1: '' {NO_PATH}",
        ),
        (
            "x {a..b}",
            f"template 'x {{a..b}}', character 3: 'a..b' {NO_PATH}",
        ),
        (
            "{ a }",
            f"template '{{ a }}', character 1: ' a ' {NO_PATH}",
        ),
        (
            "{a?b}",
            "template '{a?b}', character 1: {a?b} is no placeholder; write {path}, {path?} or {path?:format}",
        ),
        (
            "{a:>10}",
            "template '{a:>10}', character 1: the format '>10' is unknown;"
            " known are lines, numbered, bullets, sentences, commas, first_sentence, json;"
            ' a name with a colon is written in quotes, as {"a:>10"}',
        ),
        (
            "{a:}",
            "template '{a:}', character 1: the format '' is unknown;"
            " known are lines, numbered, bullets, sentences, commas, first_sentence, json;"
            ' a name with a colon is written in quotes, as {"a:"}',
        ),
    ],
)
def test_the_error_for_an_invalid_template_is_exact(template: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Template.parse(template)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "a mapping is empty, but it must name a field, such as instruction: '{title}'"),
        ({"response": []}, "field 'response': found no template, but at least one is needed"),
        ({"response": ["{a}", "b", "{a}"]}, "field 'response': template '{a}' is listed twice; list it once"),
        (
            {"response": ["a", ""]},
            "field 'response': a template is empty, but it must hold a text or a placeholder such as {title}",
        ),
    ],
)
def test_the_error_for_an_invalid_mapping_is_exact(fields: dict[str, str | list[str]], message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        Mapping.parse(fields)
    assert str(caught.value) == message


def test_the_error_for_a_field_that_no_row_has_names_the_nearest() -> None:
    names = ["title", "steps", "tile"]
    check_fields(Mapping.parse({"instruction": "{title}", "response": "{steps.0.text?}"}), names)
    with pytest.raises(MappingError) as caught:
        check_fields(Mapping.parse({"instruction": ["x", "{titel?} {title}"]}), names)
    assert str(caught.value) == (
        "field 'instruction': its template names 'titel', which no row of the source has;"
        " nearest: title, tile; available: steps, tile, title"
    )
    with pytest.raises(MappingError) as caught:
        check_fields(Mapping.parse({"response": "{zzz}"}), [])
    assert str(caught.value) == (
        "field 'response': its template names 'zzz', which no row of the source has; the source has no rows"
    )


VARIANTS = ["How do I make {title}?", "Give me a recipe for {title}.", "I want to cook {title}."]


def test_the_choice_of_a_template_is_fixed_for_an_identity() -> None:
    mapping = Mapping.parse({"instruction": VARIANTS})
    chosen = [mapping.apply({"title": "x"}, str(number))["instruction"] for number in range(300)]
    assert chosen[:4] == [
        "I want to cook x.",
        "How do I make x?",
        "Give me a recipe for x.",
        "I want to cook x.",
    ]
    assert [chosen.count(text.replace("{title}", "x")) for text in VARIANTS] == [92, 106, 102]


@given(identity=st.text(st.characters(exclude_categories=["Cs"])), order=st.permutations(VARIANTS))
def test_an_added_template_changes_only_its_own_rows(identity: str, order: list[str]) -> None:
    def choice(texts: list[str]) -> str:
        return Mapping.parse({"instruction": texts}).apply({"title": "x"}, identity)["instruction"]

    added = "Tell me about {title}"
    assert choice(order) == choice(VARIANTS)
    assert choice([*order, added]) in (choice(VARIANTS), "Tell me about x")


@given(text=st.text())
def test_doubled_braces_make_any_text_literal(text: str) -> None:
    template = "x" + text.replace("{", "{{").replace("}", "}}")
    assert Template.parse(template).render({}) == ("x" + text).strip()


@given(text=st.text())
def test_a_value_is_never_read_as_a_template(text: str) -> None:
    assert Template.parse("x{a?}x").render({"a": text}) == "x" + text.strip() + "x"


def mapped(name: str, fields: dict[str, str | list[str]]) -> list[dict[str, str]]:
    rows = [row.content for row in read_rows(DATA / name).rows]
    mapping = Mapping.parse(fields)
    check_fields(mapping, rows[0].keys())
    return [mapping.apply(row, row_identity(row)) for row in rows]


@real_data
def test_self_instruct_seeds_can_be_mapped() -> None:
    fields: dict[str, str | list[str]] = {
        "instruction": "{instruction}\n\n{instances.0.input?}",
        "response": "{instances.0.output}",
    }
    pairs = mapped("self_instruct_seed_tasks.jsonl", fields)
    assert len(pairs) == 175
    assert pairs[0] == {
        "instruction": "Is there anything I can eat for a breakfast that doesn't include eggs, yet"
        " includes protein,"
        " and has roughly 700-1000 calories?",
        "response": "Yes, you can have 1 oatmeal banana protein shake and 4 strips of bacon. The oatmeal"
        " banana"
        " protein shake may contain 1/2 cup oatmeal, 60 grams whey protein powder, 1/2 medium banana,"
        " 1tbsp flaxseed"
        " oil and 1/2 cup watter, totalling about 550 calories. The 4 strips of bacon contains about 200"
        " calories.",
    }
    assert pairs[1]["instruction"] == ("What is the relation between the given pairs?\n\nNight : Day :: Right : Left")


@real_data
@pytest.mark.parametrize(
    ("name", "count", "fields", "instruction", "response_sha256"),
    [
        (
            "dolly_151.jsonl",
            151,
            {"instruction": "{instruction}\n\n{context?}", "response": "{response}"},
            "Why is Citizen Kane considered the Best Film?",
            "df890f6786a2a0c308484814dbaa672960150fd7ace28adb8ea035f518c0483a",
        ),
        (
            "python_faq.jsonl",
            173,
            {"instruction": "{instruction}", "response": "{response}"},
            "Why does Python use indentation for grouping of statements?",
            "22c1caf2636d906701424a56fc07de10baa6ebc079e33ce56c3222cc3cf9ed61",
        ),
    ],
)
def test_pairs_of_other_sources_can_be_mapped(
    name: str, count: int, fields: dict[str, str | list[str]], instruction: str, response_sha256: str
) -> None:
    pairs = mapped(name, fields)
    assert len(pairs) == count
    assert sorted(pairs[0]) == ["instruction", "response"]
    assert pairs[0]["instruction"] == instruction
    assert hashlib.sha256(pairs[0]["response"].encode()).hexdigest() == response_sha256


def test_the_whole_row_is_written_as_json_in_its_own_order() -> None:
    row = {"key": 1000, "kwargs": [{}, {"num_words": 300}], "prompt": "Schäume {auf}"}
    text = '{"key": 1000, "kwargs": [{}, {"num_words": 300}], "prompt": "Schäume {auf}"}'
    assert Template.parse("{*:json}").render(row) == text
    check_fields(Mapping.parse({"details": "{*:json}"}), row)
