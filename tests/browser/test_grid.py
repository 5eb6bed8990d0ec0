"""Cells and their grids in a real JupyterLab."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

pytestmark = pytest.mark.browser
FAKE = (
    "%load_ext sdnb\nfrom sdnb import api\nfrom sdnb.testing import FakeEngine\napi.use_engine(FakeEngine())"
)


def shot(page: Any, name: str) -> None:
    """Keep a screenshot where SDNB_SCREENSHOTS says, to be looked at."""
    if folder := os.environ.get("SDNB_SCREENSHOTS"):
        Path(folder).mkdir(exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_mini_draws_in_a_notebook(open_notebook: Any, dark: bool) -> None:
    """A newcomer's cell gives a grid of pictures that the browser shows, in both themes."""
    page = open_notebook(
        ["%load_ext sdnb", "%%diffuse --seed 1..2 --steps 20\n{animal: a fox|a cat} on the moon"], dark=dark
    )
    page.run_all()
    grid = page.locator(".jp-OutputArea div.sdnb")
    assert grid.count() == 1
    pictures = grid.locator("img")
    assert pictures.count() == 4
    assert all(pictures.nth(i).evaluate("p => p.naturalWidth") == 128 for i in range(4))
    assert grid.get_by_text("a cat", exact=False).first.is_visible()
    assert page.locator(".sdnb-progress").count() == 0
    shot(page, f"mini-{'dark' if dark else 'light'}")


def test_a_click_enlarges_and_shows_the_settings(open_notebook: Any) -> None:
    """Without JavaScript of ours, from the same data."""
    page = open_notebook([FAKE, "%%diffuse --seed 7,8 --scheduler heun\na fox"])
    page.run_all()
    first = page.locator("div.sdnb img").first
    before = first.bounding_box()
    first.click()
    page.wait_for_timeout(300)
    assert page.locator("div.sdnb details[open]").count() == 1
    assert first.bounding_box()["width"] > before["width"]
    assert page.locator("div.sdnb details[open]").get_by_text("heun").first.is_visible()
    shot(page, "opened")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_tables_have_no_stripes_where_a_notebook_is_not_trusted(open_notebook: Any, dark: bool) -> None:
    """JupyterLab drops the style sheet there; its own rows must not show under the pictures."""
    page = open_notebook([FAKE, "%%diffuse --compare\na fox"], dark=dark)
    page.run_all()
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    saved = nbformat.read(page.file, as_version=4)
    saved.metadata["changed"] = True
    nbformat.write(saved, page.file.with_name(f"other-{page.file.name}"))
    page.goto(page.url.split("?")[0].replace(page.file.name, f"other-{page.file.name}"))
    rows = page.locator("div.sdnb tr")
    rows.first.wait_for(state="attached")
    assert page.locator("div.sdnb style").count() == 0
    colours = rows.evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
    assert len(colours) > 20 and set(colours) == {"rgba(0, 0, 0, 0)"}


def test_a_prompt_is_text(open_notebook: Any) -> None:
    """Markup in a prompt is shown, not run."""
    page = open_notebook([FAKE, "%%diffuse --seed 1,2\n{a|<img src=x onerror=alert(1)>} fox"])
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.run_all()
    assert page.locator('div.sdnb img[src="x"]').count() == 0
    assert page.get_by_text("<img src=x onerror=alert(1)>").count() >= 1
    assert alerts == []


def test_a_mistake_is_one_line(open_notebook: Any) -> None:
    """No traceback in the page."""
    page = open_notebook([FAKE, "%%diffuse --scheduler eulr\na fox"])
    page.run_all()
    error = page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")
    assert error.inner_text().strip() == "UsageError: unknown scheduler 'eulr'; did you mean 'euler'?"


def test_a_saved_sweep_is_small(open_notebook: Any) -> None:
    """A saved notebook with a 5x5 grid of 512 px pictures stays under 1 MB."""
    page = open_notebook([FAKE, "%%diffuse --seed 1..5 --steps 1..5 --size 512\na fox"])
    page.run_all()
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    assert page.file.stat().st_size < 1_000_000
    (output,) = nbformat.read(page.file, as_version=4).cells[1].outputs
    assert output.output_type == "execute_result" and output.data["text/html"].count("<img") == 25
