"""LoRAs and VAEs by name: found, told apart, written into cells and pictures."""

import pytest

from sdnb import adapters, api, cell, infotext
from sdnb.errors import ModelError
from tests.planning import planned


@pytest.fixture
def folder(tmp_path):
    """Give a folder with two LoRAs, a folder of one, a VAE and a pickle; all of them empty of weights."""
    for name in ("style.safetensors", "my detail.safetensors", "boxed/pytorch_lora_weights.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "full" / "vae").mkdir(parents=True)
    (tmp_path / "full" / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"vae")
    (tmp_path / "full" / "vae" / "config.json").write_text("{}")
    (tmp_path / "old.pt").write_bytes(b"pickle")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "pytorch_lora_weights.bin").write_bytes(b"pickle")
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "text", "name", "file"),
    [
        ("lora", "style.safetensors", "style", "style.safetensors"),
        ("lora", "style", "style", "style.safetensors"),
        ("lora", "boxed", "boxed", "pytorch_lora_weights.safetensors"),
        ("vae", "full", "full", "diffusion_pytorch_model.safetensors"),
        ("vae", "full/vae", "vae", "diffusion_pytorch_model.safetensors"),
    ],
)
def test_files_and_folders(folder, kind, text, name, file):
    """A file, with or without its ending, and folders; a model's folder gives its VAE."""
    found = adapters.resolve(kind, str(folder / text))
    assert (found.name, found.path.name) == (name, file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("old.pt", "old.pt is a pickle file"),
        ("old", "only pickle files, which are refused"),
        (".", "holds several files; name one of my detail.safetensors, style.safetensors"),
        ("none/at/all", "there is no LoRA"),
    ],
)
def test_refused(folder, text, told):
    """Pickles, folders of several and missing files are told in one line."""
    with pytest.raises(ModelError, match=told) as caught:
        planned("a fox", lora=str(folder / text))
    assert "\n" not in str(caught.value)


def test_a_hub_id_that_is_not_here_says_how_to_get_it():
    """Nothing is fetched; the line to type is told."""
    with pytest.raises(ModelError, match="hf download owner/name style.safetensors"):
        adapters.resolve("lora", "owner/name/style.safetensors")
    with pytest.raises(ModelError, match="hf download owner/name$"):
        adapters.resolve("vae", "owner/name")


def test_two_files_of_one_name_are_told_apart(folder):
    """Their pictures would have one name."""
    (folder / "boxed" / "style.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match="two LoRAs are called 'style'"):
        planned("a fox", lora=[str(folder / "style"), str(folder / "boxed/style")])


def test_a_sweep_of_weights(folder, engine, monkeypatch):
    """Weights are an axis, specs hold no folders, and cells and pictures bring the same specs back."""
    monkeypatch.chdir(folder)
    line = """--lora none,style:0.5..1[2],"./my detail:2+style" --vae ./full"""
    results = api.draw(api.plan(cell.read(line, "a fox", {}).request), api.How(), progress=False).results
    assert results.axes[0].labels == ("(none)", "style:0.5", "style:1", "my detail:2+style:1")
    assert {spec.vae for spec in results.sweep.specs} == {"full"}
    text = results.to_cell()
    assert "--lora none,style:0.5,style:1," in text
    assert api.plan(cell.parse(text, {}).request).specs == results.sweep.specs
    data = results[3].path.read_bytes()
    assert str(folder).encode() not in data and b"./my" not in data
    said = infotext.from_png(results[3].path)
    assert (said["lora"], said["vae"]) == ("my detail:2+style:1", "full")
    assert infotext.write(results[3].spec).startswith("a fox <lora:my detail:2> <lora:style:1>\n")
    assert results.sel(lora="style:0.5")[0].spec.lora == "style:0.5"


def test_other_weights_in_a_file_are_other_pictures(folder, engine):
    """The store's key holds the file's content: a changed file is drawn again, a touched one is not."""
    sweep = planned("a fox", lora=str(folder / "style"))
    drawn = len(engine.drawn)
    for data, more in ((b"one", 1), (b"two", 1), (b"two", 0)):
        (folder / "style.safetensors").write_bytes(data)
        api.draw(sweep, api.How(), progress=False)
        assert len(engine.drawn) - drawn == more
        drawn = len(engine.drawn)


def test_a_sweep_without_its_files_says_so(folder, engine):
    """Specs alone do not say where a LoRA lies."""
    from dataclasses import replace

    sweep = replace(planned("a fox", lora=str(folder / "style")), adapters={})
    with pytest.raises(ModelError, match="name its file with --lora"):
        api.draw(sweep, api.How(), progress=False)
