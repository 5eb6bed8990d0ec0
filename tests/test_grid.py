"""The grid's HTML: what it holds, what it escapes, how large it gets, how a browser shows it."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdnb import entry, grid
from sdnb.picture import Picture
from sdnb.spec import ImageSpec
from sdnb.sweep import Axis, Request, Sweep

XSS = '<img src=x onerror=alert(1)> "x" \' </div>\nsecond line'


def photograph(seed: int, width: int, height: int) -> Image.Image:
    """Noise of all scales with the spectrum of photographs, stronger in light than in hue, and grain."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = 1
    noise = rng.normal(size=(3, height, width))
    shaped = np.fft.ifft2(np.fft.fft2(noise) / frequency**1.3).real
    shaped /= shaped.std()
    pixels = 128 + 40 * shaped[:1] + 12 * shaped + 50 * (x / width - y / height) + 2 * noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def sweep(*axes: tuple[str, tuple], rows=None, cols=None, **settings) -> Sweep:
    """Lay specs out along axes of one name each."""
    base = {
        "model": "mini",
        "prompt": "a fox",
        "seed": 0,
        "num_inference_steps": 20,
        "guidance_scale": 4.0,
        "scheduler": "euler",
        "width": 64,
        "height": 64,
    }
    made = tuple(Axis((name,), tuple((v,) for v in values), tuple(map(str, values))) for name, values in axes)
    places = product(*(values for _, values in axes))
    names = [name for name, _ in axes]
    specs = tuple(
        ImageSpec(**base | settings | dict(zip(names, place, strict=True)))  # type: ignore[arg-type]
        for place in places
    )
    request = Request(prompts=("a fox",), settings=dict(axes), rows=rows, cols=cols)
    return Sweep(request, made, specs, {})


def stored(folder: Path, swept: Sweep) -> list[Picture]:
    """Write a file for each spec as the store does."""
    pictures = []
    for i, spec in enumerate(swept.specs):
        drawn = Picture(spec=spec, pixels=photograph(i, spec.width, spec.height), seconds=1.5)
        path = folder / f"{i}.png"
        path.write_bytes(entry.to_file(spec.digest, drawn, {}))
        pictures.append(drawn.with_(pixels=None, path=path))
    return pictures


def images(html: str) -> list[tuple[str, bytes]]:
    """Return format and bytes of each embedded image."""
    found = re.findall(r'src="data:image/(\w+);base64,([^"]+)"', html)
    return [(kind, base64.b64decode(data)) for kind, data in found]


class Reader(HTMLParser):
    """Collects tags, attributes and text, and holds that what is opened is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_prompts_are_text(tmp_path):
    """Markup in a prompt, a label, an error or a note makes no element, no attribute and no </div>."""
    swept = sweep(("prompt", (XSS, "b")), ("negative_prompt", (XSS, "c")))
    pictures = stored(tmp_path, swept)
    pictures[1] = Picture(spec=pictures[1].spec, error=XSS)
    pictures[2] = pictures[2].with_(notes=(XSS,))
    html = grid.html(pictures, swept, kilobytes=700)
    read = Reader(html)
    assert [attrs.get("src", "")[:5] for tag, attrs in read.tags if tag == "img"] == ["data:"] * 3
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on")]
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "input", "link", "iframe"})
    assert XSS in read.text
    assert any(attrs.get("title") == XSS for _, attrs in read.tags)


def test_one_div_on_one_line(tmp_path):
    """The documented expression finds all of it, whatever the prompts hold."""
    swept = sweep(("prompt", (XSS, "b")))
    html = grid.html(stored(tmp_path, swept), swept, kilobytes=700)
    assert re.fullmatch(r'<div class="sdnb">.*?</div>', html)
    assert html.count("<div") == 1
    assert "http" not in html and "<script" not in html


def test_headings_and_all_settings(tmp_path):
    """A table has scoped headings, and each tile holds its image once and its settings."""
    swept = sweep(("seed", (1, 2)), ("scheduler", ("euler", "heun", "lms")), negative_prompt="rain")
    read = Reader(grid.html(stored(tmp_path, swept), swept, kilobytes=700))
    scopes = [attrs["scope"] for tag, attrs in read.tags if tag == "th" and "scope" in attrs]
    assert scopes == ["col"] * 3 + ["row"] * 2
    count = {tag: sum(t == tag for t, _ in read.tags) for tag in ("img", "details", "summary", "td")}
    assert count == {"img": 6, "details": 6, "summary": 6, "td": 6}
    alts = [attrs["alt"] for tag, attrs in read.tags if tag == "img"]
    assert alts[4] == "a fox, seed 2, heun"
    assert all(text in read.text for text in ("rain", "64x64", "1.5 s", "6 drawn in 9.0 s"))


def test_third_axis_titles_sub_grids(tmp_path):
    """Each value of a third axis heads a table of its own; the request's rows and cols are followed."""
    swept = sweep(
        ("seed", (1, 2)), ("num_inference_steps", (5, 9)), ("guidance_scale", (2.0, 7.5)), rows="seed"
    )
    read = Reader(grid.html(stored(tmp_path, swept), swept, kilobytes=700))
    assert sum(tag == "table" for tag, _ in read.tags) == 2
    assert "steps 5" in read.text and "steps 9" in read.text


def test_gone_file_is_an_error_tile(tmp_path):
    """A picture whose file is gone or damaged is told in its tile; the others are shown."""
    swept = sweep(("seed", (1, 2, 3)))
    pictures = stored(tmp_path, swept)
    pictures[0].path.unlink()
    pictures[1].path.write_bytes(pictures[1].path.read_bytes()[:-40])
    html = grid.html(pictures, swept, kilobytes=700)
    assert len(images(html)) == 1
    assert html.count("not drawn<br>") == 2 and html.count("draw it again") == 2


def test_all_failed_is_still_a_grid():
    """A sweep of which nothing was drawn is shown with its reasons."""
    swept = sweep(("seed", (1, 2)))
    html = grid.html([Picture(spec=spec, error="no memory") for spec in swept.specs], swept, kilobytes=700)
    assert "2 not drawn" in html and html.count("no memory") >= 2


@pytest.mark.browser
def test_headings_stay_and_tiles_grow_without_javascript(browser, tmp_path):
    """On a big grid headings stay in view when scrolled, and a click enlarges the picture in place."""
    swept = sweep(("seed", tuple(range(12))), ("guidance_scale", tuple(float(i) for i in range(10))))
    html = grid.html(stored(tmp_path, swept), swept, kilobytes=700)
    (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{html}", "utf-8")
    page = browser.new_page(viewport={"width": 900, "height": 800}, java_script_enabled=False)
    page.goto((tmp_path / "page.html").as_uri())
    box = page.locator(".sdnb section").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.wheel(400, 600)
    page.wait_for_timeout(300)
    row, column = page.locator("th[scope=row]").nth(6), page.locator("th[scope=col]").nth(6)
    assert abs(row.bounding_box()["x"] - box["x"]) < 2
    assert 0 <= column.bounding_box()["y"] - box["y"] < 40
    tile = page.locator("td").nth(66)
    before = tile.locator("img").bounding_box()
    tile.locator("summary").click()
    after = tile.locator("img").bounding_box()
    assert after["width"] >= 1.9 * before["width"]
    assert tile.get_by_text("guidance", exact=True).is_visible()
    page.close()
