"""The report in a browser: every plot drawn, filters and files that work, any width and paper."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepdistill.report import difficulty
from deepdistill.report.page import Inputs

browsing = pytest.importorskip("browser")

pytestmark = pytest.mark.skipif(
    bool(browsing.LACKS), reason=f"not installed: {', '.join(browsing.LACKS)} (make browser)"
)

DRAWN = """
return [...document.querySelectorAll('.js-plotly-plot')].map(plot => {
  const marks = plot.querySelectorAll('.points path, .lines path, .hm image, .heatmaplayer image');
  const box = plot.querySelector('.main-svg').getBoundingClientRect();
  return [plot.id, marks.length, box.width, box.height];
})"""
PAPER = 673
"""Pixels of A4 less margins of 16 mm, 96 an inch."""
COUNTS = "return document.getElementById(arguments[0]).data.map(t => [t.name, t.customdata])"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browsing.browser(tmp_path_factory.mktemp("downloads")) as window:
        yield window


@pytest.fixture(scope="module")
def path(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(html, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "width", "dark"), [("light", 1200, False), ("dark", 1200, True)])
def test_every_plot_is_drawn_in_both_schemes(
    window: Any, path: Path, screenshots: Path, name: str, width: int, dark: bool
) -> None:
    window.open(path, width, dark)
    window.screenshot(screenshots / f"report-{name}.png")
    assert window.errors() == []
    drawn = window.script(DRAWN)
    assert len(drawn) >= 14
    assert [plot for plot, marks, *size in drawn if not marks or min(size) < 150] == []
    ink = "return getComputedStyle(document.querySelector('.xtick text')).fill"
    assert (min(map(int, window.script(ink)[4:-1].split(","))) > 200) == dark


def test_a_telephone_shows_all_without_sideways_scrolling(
    window: Any, path: Path, screenshots: Path
) -> None:
    window.open(path, 360)
    window.screenshot(screenshots / "report-telephone.png")
    assert window.script("return document.documentElement.scrollWidth") <= 360
    assert all(width <= 360 for _, _, width, _ in window.script(DRAWN))


def test_a_category_is_shown_by_all_plots_that_can(
    window: Any, path: Path, inputs: Inputs, config: dict[str, Any]
) -> None:
    window.open(path)
    before = window.script(COUNTS, "plot-classes")
    window.choose("plot-cv", "code")
    shown = "return [...document.querySelectorAll('select.category')].map(s => s.value)"
    assert set(window.script(shown)) == {"code"}
    frame = difficulty.read_difficulty(inputs.difficulty, config["teachers"])
    labels = difficulty.class_labels(frame, config["teachers"])
    code = frame[frame["category"] == "code"]
    counts = difficulty.class_counts(code, config["teachers"], labels)
    expected = [[c, [counts[t].get(c, 0) for t in config["teachers"]]] for c in counts["weak"]]
    assert window.script(COUNTS, "plot-classes") == expected != before
    window.choose("plot-classes", difficulty.EVERY)
    assert window.script(COUNTS, "plot-classes") == before
    assert window.errors() == []


def test_an_entry_of_the_legend_hides_and_shows_what_it_names(window: Any, path: Path) -> None:
    window.open(path)
    visible = "return document.getElementById('plot-cv').data.map(t => t.visible ?? true)"
    for expected in (False, True):
        window.click_legend("plot-cv", "medium")
        assert window.script(visible) == [True, expected, True]
    assert window.errors() == []


def test_numbers_are_saved_as_csv(window: Any, path: Path, config: dict[str, Any]) -> None:
    window.open(path)
    saved = pd.read_csv(io.StringIO(window.save("plot-classes")))
    assert list(saved.columns) == ["category", "of", "class", "queries"]
    every = saved[saved["category"] == difficulty.EVERY]
    shown = window.script(COUNTS, "plot-classes")
    for name, numbers in shown:
        here = every[every["class"].astype(str) == name].set_index("of")["queries"]
        assert [here.get(teacher, 0) for teacher in config["teachers"]] == numbers


def test_the_costliest_are_drawn_and_all_are_saved(window: Any, path: Path) -> None:
    window.open(path)
    drawn = window.script("return document.getElementById('plot-cost').data[1].y")
    saved = pd.read_csv(io.StringIO(window.save("plot-cost")))
    assert len(drawn) == 20
    assert len(saved) == 30
    assert saved["actual"].is_monotonic_decreasing
    assert saved.loc[0, ["jobs_of", "hours_of"]].tolist() == ["generate_responses t28", "cores"]


def test_paper_has_the_plots(window: Any, path: Path, screenshots: Path) -> None:
    window.open(path)
    window.print(screenshots / "report.pdf")
    window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    window.script("dispatchEvent(new Event('beforeprint'))")
    paper = {"width": PAPER, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    window.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", paper)
    assert window.script("return document.documentElement.scrollWidth") <= PAPER
    assert all(0 < width <= PAPER for _, _, width, _ in window.script(DRAWN))
    window.script("dispatchEvent(new Event('afterprint'))")
    window.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_inside_another_page_nothing_links_to_a_neighbour(window: Any, path: Path) -> None:
    links = "return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))"
    window.open(path)
    assert window.script(links)[-1] == "examples.html"
    outer = path.with_name("outer.html")
    outer.write_text(f"<iframe src={path.name}></iframe>", encoding="utf-8")
    window.open(outer)
    window.driver.switch_to.frame(0)
    assert all(link.startswith("#") for link in window.script(links))
    assert "Examples" in window.script("return document.querySelector('nav').textContent")
    window.driver.switch_to.default_content()
