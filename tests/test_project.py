"""The project's own files agree with each other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import sdnb
from sdnb import api
from sdnb.cell import BY_FLAG, parse
from sdnb.desk import ANSWERS

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = PROJECT["urls"]["Repository"]
TEXTS = [*ROOT.glob("*.md"), *ROOT.glob("examples/**/*.ipynb"), *ROOT.glob("sdnb/mini/*.md")]


@pytest.mark.parametrize("file", TEXTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_badges_and_links_name_the_repository(file: Path) -> None:
    """Every Colab, Binder and GitHub address is that of pyproject.toml, and the file it opens exists."""
    slug = ADDRESS.removeprefix("https://github.com/")
    text = file.read_text(encoding="utf-8")
    for address in re.findall(r"https://colab\.research\.google\.com/github/([\w./-]+)", text):
        assert address.startswith(f"{slug}/blob/main/")
        assert (ROOT / address.removeprefix(f"{slug}/blob/main/")).is_file()
    for address in re.findall(r"https://mybinder\.org/v2/gh/([^\s)\"\\]+)", text):
        assert address.startswith(f"{slug}/main?urlpath=lab/tree/")
        assert (ROOT / address.partition("lab/tree/")[2]).is_file()
    for address in re.findall(r"github\.com/(sdnb[\w-]*/[\w-]+)", text):
        assert address == slug


@pytest.mark.parametrize("file", TEXTS, ids=lambda f: str(f.relative_to(ROOT)))
def test_relative_links_lead_somewhere(file: Path) -> None:
    """Every file that a page or a notebook links to is there."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (file.parent / target).exists(), target


def test_the_readme_names_the_two_commands() -> None:
    """`make demo` and `make test` are told, and the Makefile has them."""
    readme, makefile = (ROOT / name for name in ("README.md", "Makefile"))
    for target in ("demo", "test", "lab"):
        assert f"make {target}" in readme.read_text(encoding="utf-8")
        assert re.search(rf"^{target}:", makefile.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_readme_tells_every_option(name: str) -> None:
    """The table of options has each option of `%%diffuse`, once, and no other; every `%sdnb` word is told."""
    text = (ROOT / name).read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `--")]
    told = [flag for row in rows for flag in re.findall(r"`--([\w-]+)`", row)]
    assert sorted(told) == sorted(BY_FLAG)
    (words,) = re.findall(r"^`%sdnb` [^:]*: ([^.]*)\.", text, re.M)
    assert set(re.findall(r"`(\w+)`", words)) == set(ANSWERS)


@pytest.mark.parametrize("name", ["README.md", "README.es.md"])
def test_the_cells_of_the_readme_can_be_read(name: str) -> None:
    """Each `%%diffuse` cell of the tour is planned without a mistake."""
    cells = re.findall(r"^    (%%diffuse[^\n]*(?:\n    \S[^\n]*)+)", (ROOT / name).read_text("utf-8"), re.M)
    assert len(cells) >= 4
    for text in cells:
        read = parse(text.replace("\n    ", "\n"), {"cat": Image.new("RGB", (128, 128))})
        assert api.plan(read.request).specs


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/**/*.ipynb")), ids=lambda file: file.stem)
def test_notebooks_are_small_and_tell_nothing_of_a_machine(file: Path) -> None:
    """Outputs are stored, under 1 MB, without errors, widget state or machine paths."""
    assert file.stat().st_size < 1_000_000
    notebook = json.loads(file.read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    assert outputs and not [output for output in outputs if output["output_type"] == "error"]
    assert "widgets" not in notebook["metadata"]
    plain = json.dumps([cell["source"] for cell in notebook["cells"]]) + json.dumps(
        [output.get("text", output.get("data", {}).get("text/plain", "")) for output in outputs]
    )
    assert not re.search(r"(/home/|/root/|/Users/|/tmp/|C:\\\\)", plain)


def test_the_public_names() -> None:
    """What can be had from `sdnb` is what it says, and no more."""
    assert sdnb.__all__ == [
        "Comparison", "ImageSpec", "Panel", "Picture", "Results", "SdnbError", "compare_schedulers",
        "diffuse", "last", "load_ipython_extension",
    ]  # fmt: skip
    for name in sdnb.__all__:
        assert getattr(sdnb, name) is not None
    assert sdnb.__version__ == PROJECT["version"]
    with pytest.raises(AttributeError, match="no attribute 'draw'"):
        _ = sdnb.draw


def test_constraints_hold_every_dependency() -> None:
    """Each dependency of the project has a tested version."""
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in
              (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}  # fmt: skip
    extras = PROJECT["optional-dependencies"].values()
    wanted = [*PROJECT["dependencies"], *(name for extra in extras for name in extra)]
    names = {re.match(r"[\w-]+", text)[0].lower() for text in wanted}
    assert names <= pinned, names - pinned


@pytest.mark.slow
def test_the_wheel_has_all_in_it(tmp_path: Path) -> None:
    """An installed sdnb can draw at once, and its panel has its page."""
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(tmp_path),
        str(ROOT),
    ]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("model_index.json", "knows.json", "unet/diffusion_pytorch_model.safetensors", "README.md"):
        assert f"sdnb/mini/{needed}" in names
    assert {"sdnb/py.typed", "sdnb/panel/gallery.js", "sdnb/panel/gallery.css"} <= set(names)
