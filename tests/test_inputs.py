"""Pictures to begin from: read, named by their pixels, kept, fitted."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from sdnb import api, cell, inputs
from sdnb.errors import RequestError
from sdnb.infotext import from_png
from sdnb.settings import default_folder
from tests.planning import planned


def noise(width=40, height=24, seed=0):
    """Make a picture."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_one_picture_in_many_forms(tmp_path, engine):
    """A file, a PIL image, an array and a drawn picture of the same pixels are one input."""
    results = api.diffuse("a fox", progress=False)
    image = results[0].image
    image.save(tmp_path / "fox.png")
    forms = [
        tmp_path / "fox.png",
        image,
        np.asarray(image),
        results[0],
        results,
        SimpleNamespace(image=image),
    ]
    sweeps = [planned("a fox", init_image=form) for form in forms]
    assert len({sweep.specs for sweep in sweeps}) == 1
    assert inputs.read(str(tmp_path / "fox.png")).label == "fox.png"
    assert inputs.of(noise()).digest != inputs.of(noise(24, 40)).digest


def test_transparency_is_white_and_turned_photos_stand_upright(tmp_path):
    """Alpha is laid on white; an Exif orientation is followed."""
    clear = Image.new("RGBA", (16, 8), (255, 0, 0, 0))
    assert inputs.of(clear).image.getpixel((0, 0)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    noise().save(tmp_path / "turned.jpg", exif=exif)
    assert inputs.read(str(tmp_path / "turned.jpg")).image.size == (24, 40)


def test_what_is_no_picture_is_told(tmp_path, monkeypatch):
    """Missing, damaged and too large files, and other objects, give one line each."""
    (tmp_path / "bad.png").write_bytes(b"no picture")
    noise().save(tmp_path / "large.png")
    monkeypatch.setattr("sdnb.png.MAX_PIXELS", 100)
    for given, told in [
        (str(tmp_path / "none.png"), "there is no picture"),
        (str(tmp_path / "bad.png"), "bad.png cannot be read"),
        (str(tmp_path / "large.png"), "40x24 is too large"),
        (noise(), "40x24 is too large"),
        (3.5, "float is no picture"),
        (np.zeros((2, 2, 2)), "is no picture"),
        ("sha256:fox", "is no digest"),
        ("sha256:" + "0" * 16, "is not kept on this machine; give its file"),
    ]:
        with pytest.raises(RequestError, match=told) as caught:
            planned("a fox", init_image=given)
        assert "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value).replace(
            str(given), ""
        )


def test_a_kept_picture_is_found_by_its_digest(monkeypatch):
    """Kept once, found by few digits, verified, and the oldest leave."""
    one = inputs.of(noise())
    inputs.keep(one)
    inputs.keep(one)
    folder = default_folder() / "inputs"
    assert [file.name for file in folder.iterdir()] == [f"{one.digest}.png"]
    assert inputs.read(one.short) == one == inputs.find(one.digest)
    noise(seed=1).save(folder / f"{one.digest}.png")
    with pytest.raises(RequestError, match="damaged"):
        inputs.find(one.short)
    monkeypatch.setattr(inputs, "MOST_KEPT", 2)
    os.utime(folder / f"{one.digest}.png", (1, 1))
    for seed in (2, 3):
        inputs.keep(inputs.of(noise(seed=seed)))
    assert len(list(folder.glob("*.png"))) == 2 and not (folder / f"{one.digest}.png").exists()


def test_a_cell_of_results_draws_them_again(tmp_path, engine):
    """What to_cell writes holds no path, and gives the same specs from what the run has kept."""
    noise().save(tmp_path / "fox.png")
    Image.new("L", (40, 24), 255).save(tmp_path / "mask.png")
    line = f"--init {tmp_path}/fox.png --mask {tmp_path}/mask.png --strength 0.4,0.8 --steps 10"
    asked = cell.read(line, "a fox", {})
    results = api.draw(api.plan(asked.request), api.How(), progress=False).results
    text = results.to_cell()
    assert str(tmp_path) not in text and "--strength 0.4,0.8" in text and "--init sha256:" in text
    assert api.plan(cell.parse(text, {}).request).specs == results.sweep.specs
    said = from_png(results[0].path)
    assert (said["init_image"], said["strength"]) == (results[0].spec.init_image, 0.4)
    assert str(tmp_path).encode() not in results[0].path.read_bytes()
    assert (results[0].spec.width, results[0].spec.height) == (40, 24)
    api.store_for().clear()
    with pytest.raises(RequestError, match="give its file instead"):
        cell.parse(text, {})


def test_only_runs_with_the_store_keep_pictures(engine):
    """--no-cache and plans leave nothing on the disk."""
    sweep = api.plan(cell.read("--init $x", "a fox", {"x": noise()}).request)
    api.dry_run(sweep, api.How())
    api.draw(sweep, api.How(cache=False), progress=False)
    assert not (default_folder() / "inputs").exists()


def test_sizes_follow_the_picture():
    """It is drawn at its own size, or smaller with a word where it is large; pictures may be an axis."""
    sweep = planned("a fox", init_image=noise(400, 200))
    assert (sweep.specs[0].width, sweep.specs[0].height) == (176, 88)
    assert "(400x200) is drawn at 176x88" in sweep.notes[0]
    both = planned("a fox", init_image=[noise(40, 27), noise(27, 40)])
    assert [(spec.width, spec.height) for spec in both.specs] == [(40, 24), (24, 40)]
    assert both.axes[0].labels == tuple(inputs.of(noise(*size)).label for size in ((40, 27), (27, 40)))
    assert [s.width for s in planned("a fox", init_image=noise(400, 200), size=64).specs] == [64]
    assert both.select(init=noise(27, 40))[0].specs == both.specs[1:]
    text = cell.write(both)
    assert "--size" not in text
    for picture in both.inputs.values():
        inputs.keep(picture)
    assert planned(cell.parse(text, {}).request).specs == both.specs


def test_strength_and_mask():
    """Strength has diffusers' defaults, may be an axis, and needs a picture; a mask must be as large."""
    assert planned("a fox", init_image=noise()).specs[0].strength == 0.8
    assert planned("a fox", init_image=noise(), mask_image=noise()).specs[0].strength == 1.0
    assert [s.strength for s in planned("a", init_image=noise(), strength="0.2..1[3]").specs] == [
        0.2,
        0.6,
        1.0,
    ]
    for given, told in [
        ({"strength": 0.5}, "needs a picture to begin from"),
        ({"mask_image": noise()}, "a mask needs a picture"),
        (
            {"init_image": noise(), "mask_image": noise(8, 8)},
            "the mask is 8x8 and the picture to begin from 40x24",
        ),
        ({"init_image": noise(), "strength": 0.01}, "leaves no step"),
    ]:
        with pytest.raises(RequestError, match=told):
            planned("a fox", **given)
