"""A report goes to people who have neither the warehouse nor the program. It must open without a network, agree with
the leaderboard, have the same bytes each time, and not run code from a model or a source."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from assets.evaluation.ablations import Series
from assets.prompting.languages import languages_shown
from assets.reporting.loss_plot import draw_losses
from assets.reporting.page import page
from assets.reporting.plots import draw
from assets.reporting.samples import Curve
from assets.reporting.standing_plots import COLOURS, draw_differences, draw_leaderboard, draw_means, draw_series
from assets.reporting.study import Study, study
from slingshot import app
from tests.support.building import query
from warehouse.results.result import Gate
from warehouse.schema.records import BETTER, NOISE, WORSE, Standing
from warehouse.store.file_warehouse import FileWarehouse

METRIC = ("longform", "rouge_l")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def found(built: tuple[Path, Path]) -> Study:
    return study(FileWarehouse(built[1] / "slingshot.duckdb"))


class Reader(HTMLParser):
    """The addresses in a page, its tags and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.places: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.places += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data


def rows_of(text: str) -> list[str]:
    """The rows of all tables of a page, with tabs between cells."""
    plain = [re.sub("<[^>]*>", "", row.replace("</td>", "\t")) for row in re.findall("<tr>(.*?)</tr>", text, re.S)]
    return [row.strip("\n").removesuffix("\t") for row in plain]


def standings(*rows: tuple[str, float, float | None, str | None], metric: tuple[str, str] = METRIC) -> pl.DataFrame:
    """Standings of a metric from (arm, mean, difference, verdict); intervals reach 1 to each side."""
    gate = Gate(Standing, len(rows))
    for arm, mean, over, verdict in rows:
        row: dict[str, Any] = {"arm": arm, "benchmark": metric[0], "metric": metric[1], "unit": "%", "better": "higher"}
        row |= {"mean": mean, "low": mean - 1, "high": mean + 1, "items": 9, "seeds": 2, "over_baseline": over}
        row |= {"over_low": over and over - 1, "over_high": over and over + 1, "p_value": over and 0.5}
        gate.keep(row | {"verdict": verdict}, [])
    return gate.result().kept


JUDGED = ("judge", "order_agreement")
AGREEMENT = standings(("b", 50.0, None, None), metric=JUDGED)


def test_the_page_has_the_numbers_of_the_leaderboard_and_the_ledger(found: Study, built: tuple[Path, Path]) -> None:
    text = Reader(page(found)).text
    for row in found.standings.to_dicts():
        assert f"{row['mean']:.2f}" in text
        assert f"{row['low']:.2f} to {row['high']:.2f}" in text
    assert "Study of 4 students and the base" in text
    assert "Compared with base: " in text
    current = query(built[1], "SELECT asset FROM lineage.current")["asset"].to_list()
    entries = [asset for asset in current if not asset.startswith("quality/")]  # the leaderboard is not made from these
    assert sorted(entry.asset for entry in found.ledger) == sorted(entries)
    assert all(asset in text for asset in entries)
    assert "Quality of the training sets" in text
    assert found.quality.keys() == {
        "self_training",
        "self_instruct",
        "instruction_generation",
        "filtered_extract_then_generate",
    }
    for frame in found.quality.values():
        languages = languages_shown(dict(zip(frame["measure"], frame["value"], strict=True)))
        assert languages and languages in text
    assert found.recipe_digest in text
    assert "The ledger does not close" not in text


def test_nothing_is_loaded_and_nothing_runs(found: Study) -> None:
    read = Reader(page(found))
    assert read.tags.isdisjoint({"script", "link", "iframe", "object", "form"})
    inside = [place for place in read.places if place.startswith("#")]
    pictures = [place for place in read.places if place not in inside]
    assert len(pictures) == 2 * 2 + 1  # means and differences of two metrics, and the losses
    assert all(place.startswith("data:image/svg+xml;base64,") for place in pictures)


def test_the_contents_lead_to_every_section(found: Study) -> None:
    text = page(found)
    sections = re.findall(r'<h2 id="([\w-]+)">', text)
    assert [place.removeprefix("#") for place in Reader(text).places if place.startswith("#")] == sections
    assert len(sections) == len(re.findall("<h2", text)) - 1  # that of the contents
    bare = page(dataclasses.replace(found, quality={}, overlaps=[], examples={}, answers=[], curves=[]))
    assert [place for place in Reader(bare).places if place.startswith("#")] == [
        "#leaderboard", "#cost", "#outcomes", "#made-from", "#recipe",
    ]  # fmt: skip


def test_rows_of_every_training_set_can_be_read(found: Study, built: tuple[Path, Path]) -> None:
    assert list(found.examples) == found.students
    for arm, rows in found.examples.items():
        kept = query(built[1], f"FROM training_sets__{arm}")
        assert sorted(row["id"] for row in rows) == sorted(kept["id"])  # the sets have two rows, and up to 5 are shown
        for row in rows:
            assert row["response"] in Reader(page(found)).text


def test_the_answers_of_all_arms_to_an_item_are_side_by_side_with_their_scores(
    found: Study, built: tuple[Path, Path]
) -> None:
    assert [one.benchmark for one in found.answers] == ["longform", "longform"]
    item = found.answers[0]
    assert [one.arm for one in item.answers] == ["base", *found.students]
    for one in item.answers:
        row = query(
            built[1],
            "SELECT p.text, s.value FROM records.prediction p JOIN records.benchmark_item i ON i.id = p.item "
            "JOIN records.score s ON s.item = p.item AND s.arm = p.arm AND s.metric = 'rouge_l' "
            f"WHERE p.arm = '{one.arm}' AND i.instruction = '{item.instruction}'",
        ).row(0)
        assert (one.text, one.scores["rouge_l"]) == row
    shown = [row.split("\t") for row in rows_of(page(found)) if row.startswith("self_training\t")]
    value = item.answers[1].scores["rouge_l"]
    assert any(cells[-1].strip() == f"{100 * value:.2f}" for cells in shown if len(cells) == 4)


def test_the_losses_of_all_students_are_in_one_picture(found: Study) -> None:
    assert [one.arm for one in found.curves] == found.students
    axes = Figure().subplots()
    draw_losses(axes, [*found.curves, Curve(found.students[0], 8, (2.0, 1.0))])
    drawn = [(line.get_label(), line.get_xydata().tolist()) for line in axes.lines]  # type: ignore[union-attr]
    first = list(enumerate(found.curves[0].losses, 1))
    assert drawn[0] == (found.students[0], [[float(step), loss] for step, loss in first])
    assert drawn[1][1] == [[1.0, 2.0], [2.0, 1.0]]
    assert axes.lines[0].get_color() == axes.lines[1].get_color() != axes.lines[2].get_color()
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == found.students


def test_what_only_measured_or_embedded_is_in_made_from(found: Study) -> None:
    assert [one.name for one in found.materials.used] == ["embedder", "generator", "rows"]


def test_the_same_warehouse_gives_the_same_bytes(found: Study, built: tuple[Path, Path]) -> None:
    assert page(found) == page(study(FileWarehouse(built[1] / "slingshot.duckdb")))


def test_texts_of_the_warehouse_are_escaped(found: Study) -> None:
    hostile = "<script>alert('x')</script>"
    entry = dataclasses.replace(found.ledger[0], asset=hostile, reasons={"rejected": {hostile: 1}})
    recipe = found.recipe | {"note": hostile}
    text = page(dataclasses.replace(found, ledger=[entry], recipe=recipe))
    assert "<script" not in text
    assert Reader(text).text.count(hostile) == 3


def test_a_difference_within_the_noise_is_called_that(found: Study) -> None:
    rows = standings(
        ("c", 9.0, 4.0, BETTER), ("b", 6.0, 1.0, NOISE), ("base", 5.0, None, None), ("a", 2.0, -3.0, WORSE)
    )
    text = Reader(page(dataclasses.replace(found, standings=rows))).text
    assert "Compared with base: 1 better, 1 worse, 1 within the noise." in " ".join(text.split())


def test_an_arm_without_a_verdict_is_the_baseline_or_not_compared(found: Study) -> None:
    """For example, only arms that were judged against the baseline have a score for the agreement of both orders."""
    rows = pl.concat([standings(("b", 6.0, 1.0, NOISE), ("base", 5.0, None, None)), AGREEMENT])
    shown = [
        [cell.strip() for cell in row.split("\t")]
        for row in rows_of(
            page(
                dataclasses.replace(
                    found,
                    standings=rows,
                    metrics=found.metrics | {JUDGED: {"description": "both orders agree"}},
                    facts={},
                )
            )
        )
    ]
    verdicts = {(row[0], row[1]): row[6] for row in shown if len(row) == 9 and row[0] != "arm"}
    assert verdicts == {("b", "6.00"): "within the noise", ("base", "5.00"): "baseline", ("b", "50.00"): "not compared"}


def test_a_metric_without_a_comparison_has_no_panel_of_differences() -> None:
    rows = pl.concat([standings(("b", 6.0, 1.0, NOISE), ("base", 5.0, None, None)), AGREEMENT])
    figure = Figure()
    draw_leaderboard(figure, rows, [], "base")
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "longform: rouge_l (%), higher is better",
        "judge: order_agreement (%), higher is better",
        "longform: rouge_l, difference from base",
    ]


def test_panels_show_means_differences_and_series() -> None:
    rows = standings(("c", 9.0, 4.0, BETTER), ("b", 6.0, 1.0, NOISE), ("base", 5.0, None, None))
    means, differences, along = Figure().subplots(3)
    draw_means(means, rows, METRIC, "base")
    draw_differences(differences, rows, METRIC, "base")
    draw_series(along, rows, METRIC, "base", Series("rows", (("b", 64), ("c", 128)), "magpie\nheuristics"))
    assert [label.get_text() for label in means.get_yticklabels()] == ["base", "b", "c"]
    assert [label.get_text() for label in differences.get_yticklabels()] == ["b", "c"]
    assert [label.get_text() for label in along.get_xticklabels()] == ["64", "128"]
    assert along.get_xlabel() == "rows"
    assert along.get_title(loc="left") == "magpie\nheuristics"
    assert along.lines[0].get_xydata().tolist() == [[64, 6.0], [128, 9.0]]  # type: ignore[union-attr]
    assert {line.get_color() for line in means.lines} == {COLOURS[BETTER], COLOURS[NOISE], COLOURS["baseline"]}


def test_the_ui_draws_the_series_in_the_notes_of_the_leaderboard() -> None:
    gate = Gate(Standing, 0)
    assert draw("scores", gate.result()) is None
    series = {"by": "rows", "arms": [["b", 64]], "of": "magpie"}
    result = gate.result(notes={"baseline": "base", "series": [series]})
    result = dataclasses.replace(result, kept=standings(("b", 6.0, 1.0, NOISE), ("base", 5.0, None, None)))
    assert draw("scores", dataclasses.replace(result, decisions=pl.DataFrame({"outcome": ["kept"]}))) is not None


def test_the_command_writes_the_page_or_prints_the_cost(built: tuple[Path, Path], tmp_path: Path) -> None:
    warehouse = ["--warehouse", str(built[1])]
    done = CliRunner().invoke(app, ["report", "--out", str(tmp_path / "r.html"), *warehouse])
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'r.html'}\n")
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    costs = CliRunner().invoke(app, ["report", "--json", *warehouse])
    assert '"name": "self_training"' in costs.output
    lost = CliRunner().invoke(app, ["report", "--out", str(tmp_path / "none" / "r.html"), *warehouse])
    assert lost.exit_code == 1
    assert lost.output == (
        f"slingshot: there is no folder {tmp_path / 'none'}; choose a file in an existing folder with --out\n"
    )
    empty = CliRunner().invoke(app, ["report", "--warehouse", str(tmp_path / "empty")])
    assert empty.exit_code == 1
    assert empty.output == (
        f"slingshot: no leaderboard was built in {tmp_path / 'empty'}; build it, or name another with --warehouse\n"
    )


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_browser_shows_it(found: Study, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(found))
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    shown = subprocess.run(
        [str(CHROMIUM), *quiet, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Outcome of every row" in Reader(shown.stdout).text
