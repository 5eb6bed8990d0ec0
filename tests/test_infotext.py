"""Of `sdnb.infotext`: the web UI's text, and pictures of several makers."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from sdnb import infotext, png, schedulers
from sdnb.entry import to_file
from sdnb.errors import RequestError
from sdnb.infotext import from_png, read, write
from sdnb.picture import Picture
from sdnb.spec import MAX_SEED, ImageSpec

PICTURE = Image.new("RGB", (64, 64), "red")
BASE = ImageSpec(
    model="mini", prompt="a fox", negative_prompt="blue, (bad:1.2)", seed=3, num_inference_steps=20,
    guidance_scale=7.5, scheduler="euler", width=512, height=768,
)  # fmt: skip


def changed(**changes: object) -> ImageSpec:
    """Return `BASE` with some settings changed."""
    return ImageSpec(**asdict(BASE) | changes)


def plain(said: dict[str, object]) -> ImageSpec:
    """Make the spec of what was read."""
    return ImageSpec(**{name: value for name, value in said.items() if name != "extras"})


def says(text: str) -> bool:
    """Tell whether a prompt can stand in infotext: lines, trimmed, that do not look like its own."""
    lines = text.split("\n")
    return text == text.strip() and not any(line.startswith("Negative prompt:") for line in lines)


characters = st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])
prompts = st.text(characters).filter(says)
names = st.text(characters, min_size=1)
specs = st.builds(
    ImageSpec,
    model=names,
    prompt=prompts,
    negative_prompt=prompts,
    seed=st.integers(0, MAX_SEED),
    num_inference_steps=st.integers(1, 1000),
    guidance_scale=st.floats(0, 1000),
    scheduler=st.sampled_from(
        [
            *schedulers.names(),
            "ddim_trailing",
            "euler_karras_trailing",
            "dpmpp_2m?solver_order=3",
            "tcd?eta=0.5",
        ]
    ),
    width=st.integers(1, 1024).map(lambda n: 8 * n),
    height=st.integers(1, 1024).map(lambda n: 8 * n),
    clip_skip=st.integers(0, 64),
)


@given(specs)
@example(changed(prompt="Steps: 1, Sampler: x, Seed: 2"))
@example(changed(prompt="a\n\n  b: c, d", negative_prompt="x\ny"))
@example(changed(model='my, "odd": model'))
@example(changed(model="\\"))
@example(changed(model='a"b'))
@example(changed(model=" x "))
@example(changed(guidance_scale=1e-05))
@example(changed(prompt="", negative_prompt=""))
def test_what_is_written_reads_back(spec):
    """Reading undoes write for every spec that the layout can say."""
    said = read(write(spec, version="sdnb, 1: 2"))
    assert plain(said) == spec
    assert said["extras"] == {"Version": "sdnb, 1: 2"}


def test_a_picture_to_begin_from_is_named_by_its_digest():
    """Denoising strength as the web UI says it, and digests; without one it is left to the extras."""
    begun = changed(init_image="ab" * 32, mask_image="cd" * 32, strength=0.75)
    assert "Denoising strength: 0.75, " in write(begun) and plain(read(write(begun))) == begun
    said = read("a fox\nSteps: 20, Seed: 1, Size: 64x64, Denoising strength: 0.7")
    assert "strength" not in said and said["extras"] == {"Denoising strength": "0.7"}


def test_networks_stand_in_the_prompt():
    """LoRAs are written and read as the web UI does it, and a VAE by its name."""
    worn = changed(lora="ink:0.8+soft lines:-1", vae="clear")
    text = write(worn)
    assert text.startswith("a fox <lora:ink:0.8> <lora:soft lines:-1>\n") and "VAE: clear" in text
    assert plain(read(text)) == worn
    assert read("<lora:ink> a fox")["lora"] == "ink:1"
    assert read("a fox <lora:ink:1:2> b")["prompt"] == "a fox <lora:ink:1:2> b"


def test_the_layout_is_the_web_uis():
    """Line by line, key by key, in its order and with its numbers."""
    spec = changed(scheduler="dpmpp_2m_karras", clip_skip=1, model="v1-5, pruned", guidance_scale=7)
    assert write(spec, model_hash="6ce0161689", version="v1").split("\n") == [
        "a fox",
        "Negative prompt: blue, (bad:1.2)",
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 3, Size: 512x768, "
        'Model hash: 6ce0161689, Model: "v1-5, pruned", Clip skip: 2, Version: v1',
    ]
    assert "Clip skip" not in write(BASE) and "Model hash" not in write(BASE)
    assert "Negative prompt" not in write(changed(negative_prompt=""))


def test_the_version_is_ours(monkeypatch):
    """Who wrote the text is said as `sdnb` and the version that the installed package tells."""
    monkeypatch.setattr(infotext, "installed", {"sdnb": "1.2.3"}.__getitem__)
    assert read(write(BASE))["extras"]["Version"] == "sdnb 1.2.3"


@pytest.mark.parametrize(
    ("name", "sampler", "schedule_type"),
    [
        ("euler", "Euler", "Automatic"),
        ("euler_a", "Euler a", "Automatic"),
        ("dpmpp_2m", "DPM++ 2M", "Uniform"),
        ("dpmpp_2m_sde_exponential", "DPM++ 2M SDE", "Exponential"),
        ("pndm", "PLMS", "Automatic"),
        ("euler_trailing", "Euler", "SGM Uniform"),
        ("unipc_beta", "UniPC", "Beta"),
    ],
)
def test_schedulers_are_named_as_in_the_web_ui(name, sampler, schedule_type):
    """The word "Automatic" stands only where the web UI would choose the same."""
    extras = write(changed(scheduler=name))
    assert f"Sampler: {sampler}, Schedule type: {schedule_type}, CFG" in extras
    assert "Scheduler:" not in extras


def test_a_scheduler_beyond_the_web_ui_is_said_in_our_words():
    """Its nearest sampler is named too, so that the web UI reads something sensible."""
    text = write(changed(scheduler="dpmpp_2m_karras?solver_order=3"))
    assert "Sampler: DPM++ 2M, Schedule type: Karras" in text
    assert "Scheduler: dpmpp_2m_karras?solver_order=3" in text


def test_a_real_web_ui_text_reads():
    """Old sampler names, hashes, hires and control settings: ours are taken, the rest stay as they are."""
    said = read(
        "portrait of a fox, <lora:ink:0.8>\nsecond line\nNegative prompt: lowres,\nbad hands\n"
        "Steps: 30, Sampler: DPM++ 2M SDE Karras, CFG scale: 6.5, Seed: 4294967295, Size: 512x640, "
        'Model hash: 6ce0161689, Model: v1-5-pruned, Clip skip: 2, Lora hashes: "ink: 1a2b, wash: 3c4d", '
        'ControlNet 0: "Module: canny, Weight: 1", Hires upscaler: Latent, Version: v1.9.0'
    )
    assert said.pop("extras") == {
        "Model hash": "6ce0161689",
        "Lora hashes": "ink: 1a2b, wash: 3c4d",
        "ControlNet 0": "Module: canny, Weight: 1",
        "Hires upscaler": "Latent",
        "Version": "v1.9.0",
    }
    assert said == {
        "prompt": "portrait of a fox,\nsecond line",
        "negative_prompt": "lowres,\nbad hands",
        "num_inference_steps": 30,
        "scheduler": "dpmpp_2m_sde_karras",
        "guidance_scale": 6.5,
        "seed": 4294967295,
        "width": 512,
        "height": 640,
        "model": "v1-5-pruned",
        "clip_skip": 1,
        "lora": "ink:0.8",
    }


def test_a_prompt_alone_is_a_prompt():
    """Fewer than three pairs at the end are words of the prompt; nothing is assumed beyond it."""
    text = "a fox, style: ink, mood: calm"
    assert read(text) == {"prompt": text, "negative_prompt": "", "extras": {}}
    assert read("a\r\nNegative prompt: b\r\n")["negative_prompt"] == "b"
    assert read("") == {"prompt": "", "negative_prompt": "", "extras": {}}


def test_what_is_no_setting_of_ours_stays_in_the_extras():
    """Unknown samplers and impossible numbers are not dropped and not guessed."""
    text = "a\nSteps: many, Sampler: Restart, Schedule type: Karras, CFG scale: inf, Seed: -1"
    said = read(text)
    assert said.pop("extras") == dict(pair.split(": ") for pair in text[2:].split(", "))
    assert said == {"prompt": "a", "negative_prompt": "", "clip_skip": 0}


known = st.sampled_from(
    ["Steps: ", "Sampler: ", "Seed: ", "Size: ", "CFG scale: ", "Clip skip: ", "Scheduler: ", "Euler",
     "Karras", "Schedule type: ", "Negative prompt: ", ", ", "\n", '"', "\\", "9" * 30, "1e999", "8x8", "{",
     "?a=b", ":"]
)  # fmt: skip


@given(st.lists(known | st.text(max_size=5), max_size=40).map("".join))
def test_any_text_reads(text):
    """Whatever is pasted, the answer is a dict of the known shape."""
    said = read(text)
    assert set(said) <= {field.name for field in fields(ImageSpec)} | {"extras"}
    assert all(isinstance(value, str) for value in said["extras"].values())


@pytest.mark.parametrize("piece", ["a", " ", "a ", 'a:"', 'a:"\\",', ":", ",", "a: b, ", '"', "\\", "\n"])
@pytest.mark.timeout(20)
def test_long_texts_read_in_bounded_time(piece):
    """A MiB of anything is read without searching it over and over; more is refused."""
    read(piece * (png.MAX_TEXT // len(piece)))
    with pytest.raises(RequestError, match="longer than"):
        read("a" * (png.MAX_TEXT + 1))


def test_our_own_chunk_gives_the_exact_spec(tmp_path):
    """From a path, bytes or an open picture alike, also for what infotext cannot say."""
    spec = changed(prompt="  Negative prompt: \n\0", scheduler="dpmpp_2m?solver_order=3")
    data = to_file("ab" * 32, Picture(spec=spec, pixels=PICTURE), {"engine": "fake", "torch": "2.13"})
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for source in (data, path, str(path), Image.open(path)):
        said = from_png(source)
        assert plain(said) == spec and said["extras"] == {"engine": "fake", "torch": "2.13"}


def with_text(keyword: str, text: str) -> bytes:
    """Return a PNG with one text."""
    return png.with_texts(png.encode(PICTURE), {keyword: text})


def test_invokeai_gives_the_plain_settings():
    """Prompts, seed, steps, guidance and size are taken; the rest stays readable."""
    data = {"positive_prompt": "a fox", "negative_prompt": "b", "seed": 5, "steps": 30, "cfg_scale": 7.5,
            "width": 512, "height": 768, "scheduler": "dpmpp_2m_k", "model": {"name": "sd15"}}  # fmt: skip
    said = from_png(with_text("invokeai_metadata", json.dumps(data)))
    assert said.pop("extras") == {"scheduler": "dpmpp_2m_k", "model": "{'name': 'sd15'}"}
    assert said == {"prompt": "a fox", "negative_prompt": "b", "seed": 5, "num_inference_steps": 30,
                    "guidance_scale": 7.5, "width": 512, "height": 768}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (with_text("prompt", '{"3": {"class_type": "KSampler"}}'), "ComfyUI graph, which is not read"),
        (png.encode(PICTURE), "says nothing of its settings"),
        (with_text("sdnb", "[1]"), "no JSON object"),
        (with_text("sdnb", '{"spec": 3}'), "damaged"),
        (with_text("sdnb", '{"spec": {"prompt": 3}, "identity": {}}'), "incomplete|must be text"),
        (with_text("invokeai_metadata", "["), "no JSON object"),
        ("/no/such/picture.png", "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(source, line):
    """Each kind of picture that gives no settings says why."""
    with pytest.raises(RequestError, match=line) as told:
        from_png(source)
    assert "\n" not in str(told.value)
