"""`Results`: a sequence of labelled pictures that can be laid out, tabled and saved."""

from __future__ import annotations

import sys
from io import BytesIO

import pytest
from PIL import Image

from sdnb import png
from sdnb.errors import MissingExtra, RenderError, RequestError, StoreError
from sdnb.picture import Picture
from sdnb.results import Results
from tests.test_grid import stored, sweep


@pytest.fixture
def results(tmp_path) -> Results:
    """2 seeds by 3 schedulers, in files."""
    folder = tmp_path / "store"
    folder.mkdir()
    swept = sweep(("seed", (1, 2)), ("scheduler", ("euler", "heun", "dpmpp_2m?solver_order=3")))
    return Results(swept, stored(folder, swept))


def failed(results: Results, *which: int) -> Results:
    """The same with some pictures not drawn."""
    pictures = [Picture(spec=p.spec, error="no memory") if i in which else p for i, p in enumerate(results)]
    return Results(results.sweep, pictures)


def test_sequence(results):
    """It is indexed, sliced and iterated in row-major order."""
    assert len(results) == 6 and results.shape == (2, 3)
    assert [p.spec.seed for p in results] == [1, 1, 1, 2, 2, 2]
    assert results[-1] is list(results)[5] and results[1:3] == (results[1], results[2])
    assert results[4] in results and results.index(results[4]) == 4
    with pytest.raises(IndexError):
        results[6]


def test_count_of_pictures_must_agree(results):
    """A sweep with the wrong number of pictures is refused."""
    with pytest.raises(RequestError, match="sweep of 6 was given 5"):
        Results(results.sweep, results[:5])


def test_line_is_stable(results):
    """The line has axes, count and digest, the same whatever it cost, where it lies, how it is laid out."""
    assert repr(results) == "Results: seed 2 × scheduler 3 = 6 pictures, a5ace992f702"
    slower = Results(results.sweep, [p.with_(seconds=99.0, cached=True, path=None) for p in results])
    assert repr(slower) == repr(results) == repr(results.grid(rows="scheduler"))
    assert ", 2 not drawn, " in repr(failed(results, 0, 5))
    single = Results(sweep(), [Picture(spec=sweep().specs[0], error="x")])
    assert repr(single).startswith("Results: 1 picture, 1 not drawn, ")


def test_mime_bundle(results):
    """A notebook gets the line and the grid, made within the budget that was given."""
    bundle = results._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"} and bundle["text/plain"] == repr(results)
    small = Results(results.sweep, list(results), grid_kb=20)._repr_mimebundle_()["text/html"]
    assert len(small) < len(bundle["text/html"])


def test_grid_lays_out_again(results):
    """Another layout has the same pictures and goes into the request under the setting's own name."""
    turned = results.grid(rows="scheduler")
    assert list(turned) == list(results)
    assert (turned.sweep.request.rows, turned.sweep.request.cols) == ("scheduler", None)
    assert results.sweep.request.rows is None
    with pytest.raises(RequestError, match="did you mean 'scheduler'"):
        results.grid(cols="schedular")


def test_sel(results):
    """One value drops its axis, a list keeps it; the pictures are those at these places."""
    second = results.sel(seed=2)
    assert list(second) == list(results[3:]) and second.shape == (3,)
    two = results.grid(rows="scheduler").sel(scheduler=["heun", "euler"])
    assert [p.spec.scheduler for p in two] == [spec.scheduler for spec in two.sweep.specs]
    assert two.shape == (2, 2) and "sdnb-table" in two._repr_mimebundle_()["text/html"]
    assert len(two.sel(scheduler="euler", seed=1)) == 1
    with pytest.raises(RequestError, match="not on the axis seed"):
        results.sel(seed=7)


def test_frame(results):
    """The table has one row a picture with its settings, its cost and its path."""
    frame = failed(results, 5).to_frame()
    assert len(frame) == 6
    assert list(frame["seed"]) == [1, 1, 1, 2, 2, 2]
    assert frame["path"][0] == str(results[0].path) and frame["digest"][0] == results[0].spec.digest
    assert frame["error"][5] == "no memory"


def test_frame_without_pandas(results, monkeypatch):
    """Without pandas the extra that brings it is named."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r"sdnb\[lab\]"):
        results.to_frame()


def test_save_copies_the_stored_files(results, tmp_path):
    """With metadata the files are those of the store, byte for byte, under the documented names."""
    paths = results.save(tmp_path / "a" / "b")
    assert [path.read_bytes() for path in paths] == [p.path.read_bytes() for p in results]
    assert paths[4].name == f"0005-seed-2-heun-{results[4].spec.digest[:8]}.png"
    assert paths[5].name.startswith("0006-seed-2-dpmpp_2m-solver_order-3-")
    assert results.save(tmp_path / "a" / "b") == paths
    assert len(list((tmp_path / "a" / "b").iterdir())) == 6


def test_save_without_metadata(results, tmp_path):
    """Without metadata the pixels are the same and no text is left."""
    for path, picture in zip(results.save(tmp_path / "out", metadata=False), results, strict=True):
        with Image.open(path) as image:
            assert image.text == {} and image.tobytes() == picture.image.tobytes()


def test_save_of_unkept_pictures_has_metadata(results, tmp_path):
    """Pictures that were never in the store are saved with their settings too."""
    held = Results(results.sweep, [p.with_(pixels=p.image, path=None) for p in results])
    texts = png.texts(BytesIO(held.save(tmp_path / "out")[0].read_bytes()), ["parameters", "sdnb"])
    assert texts["parameters"].startswith("a fox\n") and "digest" in texts["sdnb"]


def test_save_never_overwrites(results, tmp_path):
    """Another file of that name stays, the new one takes the next name; failed pictures are left out."""
    first = results.save(tmp_path)[0]
    first.write_bytes(b"precious")
    again = failed(results, 1).save(tmp_path)
    assert first.read_bytes() == b"precious" and again[0].stem == first.stem + "-2"
    assert len(again) == 5


def test_save_into_no_folder(results, tmp_path):
    """A place that cannot be a folder is told in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot save into"):
        results.save(tmp_path / "file" / "x")


def test_save_of_a_gone_picture(results, tmp_path):
    """A file that was evicted from the store is told, not skipped."""
    results[2].path.unlink()
    with pytest.raises(RenderError, match="draw it again"):
        results.save(tmp_path / "out")


def test_contact_sheet(results):
    """The sheet is an RGB picture that grows with its tiles."""
    small, large = results.contact_sheet(tile=64), results.contact_sheet(tile=128)
    assert small.mode == "RGB" and large.width > small.width > 3 * 64
