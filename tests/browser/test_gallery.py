"""The panel's gallery in a real JupyterLab."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sdnb import infotext, png
from tests.browser.test_grid import shot

pytestmark = pytest.mark.browser

SETUP = """
import contextvars, threading, time
import ipywidgets
import sdnb
from sdnb import api, infotext
from sdnb.testing import FakeEngine
from sdnb.panel.gallery import Gallery
from sdnb.panel.words import Words
api.use_engine(FakeEngine(fails="broken"))
heard = ipywidgets.Label()
def hear(action, picture):
    heard.value += f" {action}:{picture.spec.seed}"
def take(data, name):
    heard.value += f" {name}:{infotext.from_png(data)['seed']}"
gallery = Gallery(Words("en"))
gallery.on_action(hear)
gallery.on_file(take)
prompts = ["a fox on the moon", "<img src=x onerror=alert(1)>", "a broken vase", "a cat", "an owl at night"]
results = sdnb.diffuse(prompts, seed=[7], size=512, progress=False)
"""
SHOW = "display(gallery, heard)"
ADD = """
def work():
    for number, picture in enumerate(results):
        time.sleep(0.2)
        gallery.add(picture, f"number {number}")
thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
thread.start()
"""
DROP = """([selector, name, text]) => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const data = new DataTransfer();
  data.items.add(new File([bytes], name, {type: 'image/png'}));
  const target = document.querySelector(selector);
  const send = kind => target.dispatchEvent(
    new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
  return [send('dragover'), send('drop')];
}"""

HISTORY = """
import ipywidgets
import sdnb
from sdnb import api
from sdnb.testing import FakeEngine
from sdnb.panel.history import History
from sdnb.panel.words import Words
api.use_engine(FakeEngine())
heard = ipywidgets.Label()
history = History(Words("en"), page=6)
history.gallery.on_action(lambda action, picture: setattr(heard, "value", f"{action}:{picture.spec.prompt}"))
prompts = [f"a {thing} number {number}" for number in range(10) for thing in ("lighthouse", "teapot")]
sdnb.diffuse(prompts, size=256, progress=False)
history.refresh()
display(history, heard)
"""


@pytest.fixture
def opened(open_notebook: Any) -> Any:
    """Open a notebook with a gallery that a thread fills; give the page and the gallery's element."""

    def start(**how: Any) -> tuple[Any, Any]:
        page = open_notebook([SETUP, SHOW, ADD], **how)
        page.alerts = []
        page.on("dialog", lambda dialog: (page.alerts.append(dialog.message), dialog.dismiss()))
        page.run_all()
        gallery = page.locator(".sdnb-gallery")
        gallery.locator(".sdnb-tile[aria-busy=false]").nth(4).wait_for()
        return page, gallery

    return start


def heard(page: Any, word: str) -> None:
    """Wait until Python has heard a word."""
    page.locator(".widget-label", has_text=word).wait_for()


def test_pictures_come_are_enlarged_walked_and_acted_on(opened: Any) -> None:
    """By mouse and by keyboard; what the buttons say reaches Python, and focus goes back where it was;
    a page that is loaded again shows the same, and no picture lies in the saved notebook.
    """
    page, gallery = opened()
    tiles = gallery.locator(".sdnb-face")
    assert tiles.count() == 5 and gallery.get_by_text("number 4").is_visible()
    assert gallery.get_by_text("not drawn: the fake engine fails on 'broken'").is_visible()
    assert gallery.locator('img[src="x"]').count() == 0 and page.alerts == []
    shot(page, "gallery-light")

    tiles.nth(1).click()
    viewer = gallery.get_by_role("group", name="Enlarged picture")
    assert viewer.get_by_text("2 of 5").is_visible()
    assert viewer.get_by_text("<img src=x onerror=alert(1)>", exact=True).is_visible()
    heard(page, "open:7")
    picture = viewer.locator("img")
    page.wait_for_function("p => p.naturalWidth === 512", arg=picture.element_handle())
    assert picture.bounding_box()["width"] > tiles.nth(1).bounding_box()["width"]
    shot(page, "gallery-enlarged")

    page.keyboard.press("ArrowRight")
    assert viewer.get_by_text("3 of 5").is_visible() and not picture.is_visible()
    assert viewer.get_by_text("not drawn: the fake engine").is_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert viewer.get_by_text("5 of 5").is_visible()
    page.keyboard.press("ArrowLeft")
    assert viewer.get_by_text("a cat", exact=True).is_visible()
    for name in ("Use these settings", "Vary"):
        viewer.get_by_role("button", name=name).click()
    heard(page, "use:7 vary:7")
    pin = viewer.get_by_role("button", name="Pin")
    assert pin.get_attribute("aria-pressed") == "false"
    pin.click()
    gallery.get_by_title("pinned", exact=True).nth(3).wait_for()
    heard(page, "pin:7")
    assert pin.get_attribute("aria-pressed") == "true"
    with page.expect_download() as saved:
        viewer.get_by_role("button", name="Save").click()
    assert saved.value.suggested_filename.startswith("0004-seed-7-dpmpp_2m-")
    assert infotext.from_png(saved.value.path())["prompt"] == "a cat"

    page.keyboard.press("Escape")
    assert not viewer.is_visible()
    assert tiles.nth(3).evaluate("tile => tile === document.activeElement")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert viewer.get_by_text("2 of 5").is_visible()
    assert page.evaluate("document.querySelectorAll('.jp-Cell').length") == 3

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    assert page.file.stat().st_size < 10_000
    page.reload()
    gallery.locator(".sdnb-tile[aria-busy=false]").nth(4).wait_for()
    assert gallery.get_by_text("number 4").is_visible()


def test_two_are_compared_and_files_are_dropped(opened: Any) -> None:
    """The slider follows the mouse and the keys; a dropped PNG reaches Python, in the dark and narrow."""
    page, gallery = opened(dark=True, width=620)
    picks = gallery.get_by_role("checkbox")
    for number in (3, 0, 2):  # the failed one has none, so the third is the last but one; two stay
        picks.nth(number).check()
    assert [picks.nth(i).is_checked() for i in range(4)] == [True, False, True, False]
    gallery.get_by_role("button", name="Compare the two").click()
    pair = gallery.get_by_role("group", name="Two pictures compared")
    slider = pair.get_by_role("slider")
    assert slider.evaluate("s => s === document.activeElement") and slider.input_value() == "50"
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "40"
    left = pair.locator(".sdnb-left")
    assert (
        left.evaluate("p => getComputedStyle(p).clipPath").replace("100% - 40%", "60%")
        == "inset(0px 60% 0px 0px)"
    )
    box = pair.locator(".sdnb-frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40, steps=4)
    page.mouse.up()
    assert 24 <= float(slider.input_value()) <= 26
    rows = pair.locator("tr")
    assert rows.filter(has_text="prompt").inner_text().split("\t") == ["prompt", "a fox on the moon", "a cat"]
    assert rows.filter(has_text="steps").count() == 0
    page.wait_for_function("p => p.naturalWidth === 512", arg=left.element_handle())
    shot(page, "gallery-compare-dark-narrow")
    page.keyboard.press("Escape")
    assert not pair.is_visible()

    from PIL import Image

    text = "dropped\nSteps: 5, Sampler: Euler, CFG scale: 7, Seed: 4321"
    data = png.with_texts(png.encode(Image.new("RGB", (64, 64))), {"parameters": text})
    for name in ("web.png", "notes.png"):
        sent = data if name == "web.png" else b"no picture"
        assert page.evaluate(DROP, [".sdnb-tiles", name, base64.b64encode(sent).decode()]) == [False, False]
        if name == "web.png":
            heard(page, "web.png:4321")
    gallery.get_by_role("status").get_by_text("notes.png is no PNG, JPEG or WebP picture").wait_for()
    gallery.locator(".sdnb-face").nth(3).click()
    shot(page, "gallery-enlarged-dark-narrow")


def test_the_store_is_searched_and_paged(open_notebook: Any) -> None:
    """Words narrow it, the buttons turn pages, and a picture's settings can be used again."""
    page = open_notebook([HISTORY], dark=True)
    page.run_all()
    gallery = page.locator(".sdnb-gallery")
    tiles = gallery.locator(".sdnb-tile[aria-busy=false]")
    place = page.locator(".widget-label", has_text=" of ")
    search = page.get_by_role("textbox", name="Search")
    search.fill("lighthouse")
    search.press("Enter")
    place.get_by_text("1–6 of 10").wait_for()
    assert tiles.count() == 6 and gallery.get_by_title("a teapot", exact=False).count() == 0
    shot(page, "history-dark")
    page.get_by_role("button", name="Older").click()
    place.get_by_text("7–10 of 10").wait_for()
    tiles.nth(3).wait_for()
    assert tiles.count() == 4 and page.get_by_role("button", name="Older").is_disabled()
    last = tiles.nth(3).locator("button")
    assert last.locator("img").evaluate("p => p.complete && p.naturalWidth === 256")
    last.click()
    gallery.get_by_role("button", name="Use these settings").click()
    heard(page, "use:a lighthouse number 0")
    page.get_by_role("button", name="Newer").click()
    place.get_by_text("1–6 of 10").wait_for()
    assert not gallery.get_by_role("group", name="Enlarged picture").is_visible()
