"""The panel in a real JupyterLab."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image

from tests.browser.test_grid import FAKE

pytestmark = pytest.mark.browser
SLOW = FAKE.replace("FakeEngine())", "FakeEngine(seconds_per_call=0.15, batch=1))")


@pytest.fixture
def shown(open_notebook: Any) -> Any:
    """Run a notebook whose last cells are panels; give the page and the panels' elements."""

    def opened(*cells: str, panels: int = 1, **how: Any) -> Any:
        page = open_notebook([*cells, *["%sdnb panel en"] * panels], **how)
        page.run_all()
        found = page.locator(".sdnb-panel")
        page.set_default_timeout(30_000)
        found.nth(panels - 1).wait_for()
        return page, *(found.nth(number) for number in range(panels))

    return opened


def write(panel: Any, label: str, text: str, number: int = 0) -> None:
    """Type into a field."""
    panel.get_by_label(label, exact=True).nth(number).fill(text)


def press(panel: Any, name: str) -> None:
    """Click a button by its name."""
    panel.get_by_role("button", name=re.compile(rf"^\W*{name}$")).click()


def counted(panel: Any, text: str) -> None:
    """Wait until the number and the cost say so."""
    panel.locator(".sdnb-actions .sdnb-hint", has_text=text).wait_for()


def tiles(panel: Any) -> Any:
    """Return the pictures that have come."""
    return panel.locator(".sdnb-tile[aria-busy=false] img:visible")


def keep(panel: Any, name: str) -> None:
    """Write a picture of the panel where SDNB_SCREENSHOTS says."""
    if folder := os.environ.get("SDNB_SCREENSHOTS"):
        Path(folder).mkdir(exist_ok=True)
        panel.page.mouse.move(0, 0)
        file = Path(folder) / f"{name}.png"
        panel.screenshot(path=file, style="#toast-container, .Toastify {display: none}")
        with Image.open(file) as taken:
            taken.convert("RGB").quantize(256).save(file, optimize=True)


def test_create_copy_and_save(shown: Any) -> None:
    """Pictures come; the copied cell draws them; they are saved, unseen while the panel lives."""
    page, panel = shown(FAKE, dark=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    upload = "e => [getComputedStyle(e).fontSize, getComputedStyle(e, '::after').content]"
    hidden, label = panel.locator(".widget-upload").evaluate(upload)
    assert hidden == "0px" and label.startswith('"Settings from a picture"')
    write(panel, "Steps", "0")
    panel.get_by_text("1 to 1000").wait_for()
    write(panel, "Steps", "3")
    write(panel, "Prompt", "a red fox")
    write(panel, "Count", "2")
    counted(panel, "2 pictures")
    press(panel, "Generate")
    tiles(panel).nth(1).wait_for()
    assert not page.locator(".jp-OutputArea div.sdnb").last.is_visible()
    press(panel, "Copy as cell")
    panel.get_by_text("Copied", exact=True).wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("%%diffuse --seed ") and copied.endswith("a red fox\n")
    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1500)
    widgets, static = nbformat.read(page.file, as_version=4).cells[1].outputs
    assert "run the cell again" in widgets.data["text/html"]
    assert static.data["text/html"].count("<img") == 2
    assert panel.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(17, 17, 17)"


def test_stop_two_panels_and_other_cells(shown: Any) -> None:
    """While two panels draw, a cell runs; Stop ends the one and leaves the other; a restart is told."""
    page, first, second = shown(SLOW, panels=2)
    for panel, prompt, count in ((first, "a cat", "20"), (second, "a dog", "3")):
        write(panel, "Prompt", prompt)
        write(panel, "Count", count)
        press(panel, "Generate")
    tiles(first).first.wait_for()
    page.evaluate(
        "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: 'import pathlib; pathlib.Path(\"ran\").touch()'}).done"
    )
    assert (page.file.parent / "ran").exists()
    press(first, "Stop")
    first.get_by_text("Stopped:").wait_for()
    assert 0 < tiles(first).count() < 20
    tiles(second).nth(2).wait_for()
    assert second.get_by_text("Stopped:").count() == 0
    page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.locator(".sdnb-panel.jupyter-widgets-disconnected").nth(1).wait_for()
    after = second.evaluate("e => getComputedStyle(e, '::after').content")
    assert "The kernel is gone" in after


def test_every_control_is_reached_by_tab(shown: Any) -> None:
    """From the prompt on, in the order of the eye."""
    page, panel = shown(FAKE)
    write(panel, "Prompt", "a fox")
    names = []
    for _ in range(24):
        page.keyboard.press("Tab")
        names.append(
            page.evaluate(
                "(e => e.labels?.[0]?.textContent || e.textContent.trim() || e.title)(document.activeElement)"
            ).strip()
        )
    order = ["Negative prompt", "Model", "Scheduler", "Steps", "Guidance", "Size", "Seed", "Create", "Sweep"]
    order += ["Count", "Generate"]
    at = [next((i for i, name in enumerate(names) if name.startswith(word)), -1) for word in order]
    assert at == sorted(at) and at[0] == 0 and -1 not in at, names


def test_create_sweep_and_compare_with_mini(shown: Any) -> None:
    """The three tabs with the real engine; these are the README's pictures of the panel."""
    page, panel = shown("%load_ext sdnb", width=1240)
    page.set_default_timeout(120_000)
    page.set_viewport_size({"width": 1240, "height": 2400})
    write(panel, "Prompt", "a fox on the moon")
    write(panel, "Seed", "1")
    write(panel, "Count", "5")
    press(panel, "Generate")
    tiles(panel).nth(4).wait_for()
    counted(panel, "5 in the store")
    keep(panel, "panel-create")
    press(panel, "Sweep")
    write(panel, "Prompt", "a red apple on a green background")
    write(panel, "Values", "2, 4, 20")
    panel.get_by_label("Axis 2").select_option("scheduler")
    write(panel, "Values", "euler, dpmpp_2m", 1)
    counted(panel, "6 pictures")
    press(panel, "The cell")
    press(panel, "Generate")
    panel.locator(".sdnb-result img").nth(5).wait_for()
    counted(panel, "6 in the store")
    keep(panel, "panel-sweep")
    press(panel, "The cell")
    press(panel, "Compare")
    panel.get_by_label("heun", exact=True).uncheck()
    write(panel, "Budgets", "5, 10, 20")
    write(panel, "Steps of the reference", "100")
    counted(panel, "10 pictures")
    press(panel, "Generate")
    panel.locator(".sdnb-result").get_by_text("Measured against 100 Euler steps").first.wait_for()
    keep(panel, "panel-compare")
