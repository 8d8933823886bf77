"""A step becomes stale when code that decides its rows changes. If a used name is missed, wrong rows stay fresh; if too
many names count, every edit rebuilds everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.loading.file import load_recipe
from assets.planning.graph import steps
from tests.support.digesting import changed, digests
from tests.support.tiny import ROOT

PROMPTS = '''
    """The prompts."""
    # Ours.
    LIMIT = 3
    """How many."""

    def ask(text):
        """Asks."""
        return f"What is {text}?"

    def tell(text):
        return clipped(text)

    def clipped(text):
        return text[:LIMIT]

    class Tone:
        """How to speak."""
        loud = False
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""The prompts."""', '"""All prompts."""'),
        ('"""The prompts."""', ""),
        ("# Ours.", "# Theirs."),
        ('"""How many."""', '"""How many there are."""'),
        ('"""Asks."""', '"""Asks for it."""'),
        ('"""How to speak."""', '"""How to say it."""'),
        ("LIMIT = 3", "LIMIT = (\n        3\n    )"),
        ('f"What is {text}?"', "f'What is {text}?'  # a question"),
        ("def tell", "\n\n\n    def tell"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(project: Path, old: str, new: str) -> None:
    assert changed(project, {"main": PROMPTS}, "main", old, new) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ('f"What is {text}?"', 'f"Who is {text}?"'),
        ('f"What is {text}?"', 'f"What is {text!r}?"'),
        ("return clipped(text)", "clipped(text)"),
        ("def clipped(text)", "def clipped(text, /)"),
        ("loud = False", "loud = None"),
        ("class Tone:", "class Tone(dict):"),
        ("LIMIT = 3", "LIMIT = 3\n    EXTRA = 1"),
    ],
)
def test_all_code_of_the_steps_own_file_counts(project: Path, old: str, new: str) -> None:
    assert changed(project, {"main": PROMPTS}, "main", old, new) == {"assets/main.py"}


@pytest.mark.parametrize(
    ("imported", "old", "new", "counts"),
    [
        ("ask", "What is", "Who is", True),
        ("ask", "LIMIT = 3", "LIMIT = 4", False),
        ("ask", "[:LIMIT]", "[LIMIT:]", False),
        ("ask", "loud = False", "loud = True", False),
        ("tell", "What is", "Who is", False),
        ("tell", "[:LIMIT]", "[LIMIT:]", True),
        ("tell", "LIMIT = 3", "LIMIT = 4", True),
        ("LIMIT", "LIMIT = 3", "LIMIT = 4", True),
        ("LIMIT", "[:LIMIT]", "[LIMIT:]", False),
        ("Tone", "loud = False", "loud = True", True),
        ("ask as say", "What is", "Who is", True),
        ("LIMIT, ask", "What is", "Who is", True),
    ],
)
def test_an_imported_name_counts_with_what_it_uses_in_its_file(
    project: Path, imported: str, old: str, new: str, counts: bool
) -> None:
    files = {"main": f"from assets.prompts import {imported}\n", "prompts": PROMPTS}
    assert changed(project, files, "prompts", old, new) == ({"assets/prompts.py"} if counts else set())


@pytest.mark.parametrize(
    "line",
    [
        "import assets.prompts",
        "import assets.prompts as prompts",
        "from assets import prompts",
        "from assets import prompts as words",
        "from assets.prompts import *",
        "from . import prompts",
        "from .prompts import *",
        "try:\n    import assets.prompts as prompts\nexcept ImportError:\n    prompts = None",
        "def build():\n    import assets.prompts\n    return assets.prompts.ask('')",
        "def build():\n    from assets import prompts\n    return prompts.ask('')",
    ],
)
@pytest.mark.parametrize(("old", "new"), [("What is", "Who is"), ("loud = False", "loud = True")])
def test_a_module_that_is_imported_as_an_object_counts_as_a_whole(project: Path, line: str, old: str, new: str) -> None:
    assert changed(project, {"main": line, "prompts": PROMPTS}, "prompts", old, new) == {"assets/prompts.py"}


@pytest.mark.parametrize(
    "line",
    [
        "def build():\n    from assets.prompts import ask\n    return ask('')",
        "class Build:\n    from assets.prompts import ask",
        "if True:\n    from assets.prompts import ask",
        "from .prompts import ask",
    ],
)
def test_an_import_by_name_counts_only_that_name_wherever_it_is(project: Path, line: str) -> None:
    files = {"main": line, "prompts": PROMPTS}
    assert changed(project, files, "prompts", "What is", "Who is") == {"assets/prompts.py"}
    assert changed(project, files, "prompts", "LIMIT = 3", "LIMIT = 4") == set()


CHAIN = {
    "main": "from assets.middle import build\n",
    "middle": """
        from assets.far import ROWS, other
        import assets.whole as whole

        SIZE = ROWS + 1

        def build():
            return SIZE

        def unused():
            return other(), whole.f()
    """,
    "far": """
        ROWS = 3

        def other():
            return 4
    """,
    "whole": "def f():\n    return 5\n",
}


def test_names_are_followed_through_functions_and_constants_into_a_third_file(project: Path) -> None:
    assert changed(project, CHAIN, "far", "ROWS = 3", "ROWS = 4") == {"assets/far.py"}
    assert changed(project, CHAIN, "far", "return 4", "return 5") == set()
    assert list(digests(project, CHAIN)) == ["assets/far.py", "assets/main.py", "assets/middle.py"]


def test_a_reexported_name_counts_where_it_is_defined(project: Path) -> None:
    files = {
        "main": "from assets.middle import f",
        "middle": "from assets.far import g as f\nfrom assets.far import h\n",
        "far": "def g():\n    return 1\ndef h():\n    return 2\n",
    }
    assert changed(project, files, "far", "return 1", "return 3") == {"assets/far.py"}
    assert changed(project, files, "far", "return 2", "return 3") == set()


def test_files_that_import_each_other_are_followed_once(project: Path) -> None:
    files = {
        "main": "from assets.a import f",
        "a": "import assets.b as b\nfrom assets.main import f as again\ndef f():\n    return b.g()\n",
        "b": "from assets.a import f, h\ndef g():\n    return f() or h()\n",
    }
    files["a"] += "def h():\n    return 1\ndef unused():\n    return 2\n"
    assert list(digests(project, files)) == ["assets/a.py", "assets/b.py", "assets/main.py"]
    assert changed(project, files, "a", "return 1", "return 3") == {"assets/a.py"}
    assert changed(project, files, "a", "return 2", "return 3") == set()


def test_names_of_a_package_are_followed(project: Path) -> None:
    files = {
        "main": "from assets.methods import METHODS\nfrom assets import methods\n",
        "methods/__init__": "from assets.methods.one import ask\nMETHODS = [ask]\n",
        "methods/one": "from ..shared import TEXT\nfrom .two import unused\ndef ask():\n    return TEXT\n",
        "methods/two": "def unused():\n    return 1\n",
        "shared": "TEXT = 'a'\n",
    }
    assert changed(project, files, "methods/__init__", "[ask]", "[ask, ask]") == {"assets/methods/__init__.py"}
    assert changed(project, files, "methods/one", "return TEXT", "return 1") == {
        "assets/methods/one.py",
        "assets/shared.py",
    }
    assert changed(project, files, "shared", "'a'", "'b'") == {"assets/shared.py"}
    assert changed(project, files, "methods/two", "return 1", "return 2") == set()


def test_the_types_of_the_recipe_and_what_runs_models_do_not_count(project: Path) -> None:
    (project / "resources").mkdir()
    (project / "resources" / "tools.py").write_text("X = 1\n")
    files = {
        "main": "from assets.recipe.types import Recipe\nfrom resources.tools import X\n",
        "recipe/types": "Recipe = 1\n",
    }
    assert list(digests(project, files)) == ["assets/main.py"]


def test_a_digest_covers_its_own_file_only(project: Path) -> None:
    """So a reason names the file that was edited, not the files that use it."""
    before = digests(project, CHAIN)
    after = digests(project, CHAIN | {"far": CHAIN["far"].replace("ROWS = 3", "ROWS = 4")})
    assert before["assets/middle.py"] == after["assets/middle.py"]
    assert {len(digest) for digest in before.values()} == {16}


def test_steps_of_the_starter_depend_on_these_files() -> None:
    code = {step.asset: list(step.code) for step in steps(load_recipe(ROOT / "recipe.yaml"))}
    parsing = "assets/prompting/parsing.py"
    assert code["raw_self_instruct"] == [
        "assets/generation/candidates.py",
        "assets/generation/instances.py",
        "assets/generation/method.py",
        "assets/generation/methods/self_instruct.py",
        "assets/generation/rating.py",
        "assets/generation/responses.py",
        "assets/generation/rouge_l.py",
        "assets/prompting/absent.py",
        "assets/prompting/alignment.py",
        "assets/prompting/answers.py",
        "assets/prompting/heuristics.py",
        "assets/prompting/pairs.py",
        parsing,
        "assets/prompting/prompts.py",
        "assets/prompting/unwanted.py",
        "assets/prompting/unwrapping.py",
        "assets/prompting/verdicts.py",
        "assets/recipe/rendering.py",
        "assets/training/checkpoint.py",
        "resources/models/protocol.py",
        "resources/models/thoughts.py",
        "warehouse/core/identity.py",
        "warehouse/core/sentences.py",
        "warehouse/core/texts.py",
        "warehouse/core/words.py",
        "warehouse/results/result.py",
        "warehouse/results/validation.py",
        "warehouse.schema.records.Pair",
    ]
    evaluation = ("ablations", "benchmark", "bootstrap", "facts", "judges", "leaderboard", "length_control")
    found = [f"assets/evaluation/{name}.py" for name in (*evaluation, "many_arms", "parts", "rivals", "seed_noise")]
    assert code["leaderboard"] == [
        "assets/enhancement/measuring.py",
        *found,
        "assets/prompting/alignment.py",
        "assets/steps/discovery.py",
        "warehouse/core/identity.py",
        "warehouse/core/texts.py",
        "warehouse/core/words.py",
        "warehouse/results/result.py",
        "warehouse/results/validation.py",
        "warehouse.schema.records.Standing",
    ]
    methods = ("self_instruct", "instruction_generation", "extract_then_generate")
    assert {asset for asset, files in code.items() if parsing in files} == {f"raw_{method}" for method in methods}
    outside = (
        "assets/recipe/types.py",
        "assets/recipe/filters.py",
        "assets/steps/step.py",
        "assets/planning/graph.py",
        "assets/planning/plan.py",
        "assets/building/display.py",
    )
    assert not {file for files in code.values() for file in files} & set(outside)


def test_an_edit_of_one_prompt_does_not_affect_steps_that_use_another() -> None:
    prompts = "assets/prompting/prompts.py"
    digest = {step.asset: step.code.get(prompts) for step in steps(load_recipe(ROOT / "recipe.yaml"))}
    assert digest["raw_self_instruct"] is not None
    assert digest["raw_self_instruct"] != digest["raw_self_training"]
    assert digest["raw_self_training"] == digest["predictions/longform/self_training"]
