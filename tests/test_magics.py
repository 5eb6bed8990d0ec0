"""The magics, in a real shell with the fake engine."""

from __future__ import annotations

import _thread
import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import sdnb
from sdnb.errors import StoreError
from sdnb.results import Results
from sdnb.run import Run
from sdnb.settings import Sdnb
from sdnb.store import Store
from sdnb.testing import FakeEngine


def cell(shell: InteractiveShell, text: str) -> Any:
    """Run a cell that must succeed and return its value."""
    done = shell.run_cell(text, store_history=True)
    done.raise_error()
    return done.result


def refused(shell: InteractiveShell, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a cell that must fail and return the one line that it shows."""
    capsys.readouterr()
    done = shell.run_cell(text)
    assert done.error_in_exec is not None
    assert done.error_in_exec.__context__ is None
    shown = capsys.readouterr()
    lines = (shown.out + shown.err).strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("UsageError: ")
    return lines[0].removeprefix("UsageError: ")


def test_a_cell_is_a_sweep(shell: InteractiveShell, engine: FakeEngine) -> None:
    """The value of a cell is its results, and _ is the sweep."""
    results = cell(shell, "%%diffuse --seed 1..4 --scheduler euler,dpmpp_2m_karras\n{colour: red|blue} fox")
    assert isinstance(results, Results)
    assert results.shape == (2, 4, 2)
    assert [axis.name for axis in results.axes] == ["colour", "seed", "scheduler"]
    assert results[0].spec.prompt == "red fox" and results[-1].spec.prompt == "blue fox"
    assert shell.user_ns["_"] is results and sdnb.last() is results


def test_one_line(shell: InteractiveShell, engine: FakeEngine) -> None:
    """%diffuse takes its prompt from the line."""
    results = cell(shell, "%diffuse a red fox --seed 3")
    assert (results[0].spec.prompt, results[0].spec.seed) == ("a red fox", 3)


def test_braces_and_dollars_of_the_prompt_are_left_alone(shell: InteractiveShell, engine: FakeEngine) -> None:
    """IPython expands nothing in the body; options take values from the notebook."""
    shell.user_ns.update(seeds=[5, 6], shell_name="no")
    results = cell(shell, "%%diffuse --seed $seeds\na {shell_name} for $5")
    assert [picture.spec.seed for picture in results] == [5, 6]
    assert results[0].spec.prompt == "a {shell_name} for $5"


def test_run_again_draws_nothing(shell: InteractiveShell, engine: FakeEngine) -> None:
    """The same cell comes from the store; one seed more draws one picture."""
    cell(shell, "%%diffuse --seed 1..3\na fox")
    assert len(engine.drawn) == 3
    assert all(picture.cached for picture in cell(shell, "%%diffuse --seed 1..3\na fox"))
    cell(shell, "%%diffuse --seed 1..4\na fox")
    assert len(engine.drawn) == 4
    cell(shell, "%%diffuse --seed 1..4 --no-cache\na fox")
    assert len(engine.drawn) == 8


def test_out_save_quiet(shell: InteractiveShell, engine: FakeEngine, tmp_path: Path) -> None:
    """--out binds, --save writes files, --quiet shows nothing."""
    folder = tmp_path / "pictures"
    shown = cell(shell, f'%%diffuse --count 2 --out foxes --save "{folder}" --quiet\na fox')
    assert shown is None
    assert len(shell.user_ns["foxes"]) == 2
    assert len(list(folder.glob("*.png"))) == 2


def test_dry_run_draws_nothing(
    shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """It tells the axes, the counts and the cost."""
    assert cell(shell, "%%diffuse --seed 1..3 --steps 10 --dry-run\na fox") is None
    out = capsys.readouterr().out
    assert "seed: 1, 2, 3" in out
    assert "3 pictures, 0 in the store, 3 to draw" in out and "60 model evaluations" in out
    assert engine.calls == 0


def test_a_cell_gives_back_its_cell(shell: InteractiveShell, engine: FakeEngine) -> None:
    """The cell written from results draws the same pictures."""
    results = cell(shell, '%%diffuse --seed 1,2 --steps 3..4 --negative "blurry, dark"\na {red|blue} fox')
    again = cell(shell, results.to_cell())
    assert [p.spec for p in again] == [p.spec for p in results]
    part = results.sel(seed=2)
    assert [p.spec for p in cell(shell, part.to_cell())] == [p.spec for p in part]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("%%diffuse --sede 1\na fox", "--seed"),
        ("%%diffuse --se 1\na fox", "--seed"),
        ("%%diffuse --seed one\na fox", "seed"),
        ("%%diffuse --seed 1..100\na fox", "100"),
        ("%%diffuse --size 100\na fox", "multiple of 8"),
        ("%%diffuse --size 1e9\na fox", "size"),
        ("%%diffuse --steps 0\na fox", "1 to 1000"),
        ("%%diffuse --scheduler eulr\na fox", "did you mean 'euler'"),
        ("%%diffuse --scheduler ddim_karras\na fox", "dropped silently"),
        ("%%diffuse --model minni\na fox", "did you mean 'mini'"),
        ("%%diffuse --model nobody/nothing\na fox", "not on this machine"),
        ("%%diffuse --model weights.ckpt\na fox", "pickle"),
        ("%%diffuse --device gpu\na fox", "device"),
        ("%%diffuse --seed $nowhere\na fox", "nowhere"),
        ("%%diffuse --rows colour\na fox", "colour"),
        ("%%diffuse --zip seed,steps --seed 1,2 --steps 1,2,3\na fox", "2"),
        ("%%diffuse fox\na fox", "fox"),
        ("%%diffuse\n  \n", "prompt"),
        ("%diffuse --seed 3", "prompt"),
        ("%sdnb", "status"),
        ("%sdnb statsu", "did you mean 'status'"),
        ("%sdnb cache clera", "did you mean 'clear'"),
        ("%sdnb tokens", "followed by a prompt"),
        ("%sdnb unload mini", "nothing follows %sdnb unload"),
        ("%sdnb models $nowhere", "unknown name '$nowhere'"),
        ("%sdnb schedulers $shell_list", "takes one text, not ['mini']"),
        ("%sdnb models 'mini', other", "one value is taken here"),
    ],
)
def test_mistakes_give_one_line(
    shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """No traceback, one line, nothing drawn."""
    shell.user_ns["shell_list"] = ["mini"]
    assert said in refused(shell, text, capsys)
    assert engine.drawn == []


def test_failed_tiles_are_shown_and_all_failed_is_an_error(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """One failure is a tile; nothing but failures is an error."""
    sdnb.api.use_engine(FakeEngine(fails="cursed"))
    results = cell(shell, "%%diffuse\na {fine|cursed} fox")
    assert [bool(picture.error) for picture in results] == [False, True]
    assert "cursed" in refused(shell, "%%diffuse\na cursed fox", capsys)


def test_an_interrupt_keeps_what_is_finished(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The partial results are bound and shown, and one line says how many were drawn."""
    slow = FakeEngine(batch=1)
    sdnb.api.use_engine(slow)
    follow = Run.__iter__
    interrupts = iter([True])

    def interrupted(run):
        if next(interrupts, False):
            slow.seconds_per_call = 0.02
            events = follow(run)
            while run.drawn < 2:
                next(events)
            raise KeyboardInterrupt
        yield from follow(run)

    monkeypatch.setattr(Run, "__iter__", interrupted)
    done = shell.run_cell("%%diffuse --seed 1..5 --out foxes\na fox")
    assert str(done.error_in_exec) == "stopped: 2 of 5 drawn"
    assert [bool(picture.error) for picture in shell.user_ns["foxes"]] == [False, False, True, True, True]
    assert sdnb.last() is shell.user_ns["foxes"]
    slow.seconds_per_call = 0.0
    assert all(not picture.error for picture in cell(shell, "%%diffuse --seed 1..5\na fox"))
    assert len(slow.drawn) == 5


def test_a_full_disk_keeps_what_is_finished(
    shell: InteractiveShell, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pictures kept before the disk was full are shown and bound, and one line says what to do."""
    engine.batch = 1
    put = Store.put

    def full(self, key, picture, identity, **more):
        if picture.spec.seed > 2:
            raise StoreError("no room is left for the store")
        return put(self, key, picture, identity, **more)

    monkeypatch.setattr(Store, "put", full)
    done = shell.run_cell("%%diffuse --seed 1..5 --out foxes\na fox")
    assert type(done.error_in_exec) is UsageError
    assert str(done.error_in_exec) == "no room is left for the store"
    assert [bool(picture.error) for picture in shell.user_ns["foxes"]] == [False, False, True, True, True]


def test_config_sets_defaults(shell: InteractiveShell, engine: FakeEngine) -> None:
    """%config reaches the next cell, and the option is stronger."""
    cell(shell, "%config Sdnb.steps = 7")
    cell(shell, "%config Sdnb.scheduler = 'heun'")
    spec = cell(shell, "%%diffuse\na fox")[0].spec
    assert (spec.num_inference_steps, spec.scheduler) == (7, "heun")
    assert cell(shell, "%%diffuse --steps 3\na fox")[0].spec.num_inference_steps == 3


@pytest.mark.parametrize(
    "word", ["status", "models", "models mini", "schedulers", "unload", "cache", "config"]
)
def test_sdnb_answers(
    shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    """Every word prints something about what it names."""
    cell(shell, f"%sdnb {word}")
    expected = {
        "status": "fake", "models": "mini", "models mini": "(", "schedulers": "dpmpp_2m",
        "unload": "unloaded", "cache": "pictures", "config": "Sdnb.steps",
    }  # fmt: skip
    assert expected[word] in capsys.readouterr().out


def test_sdnb_takes_values_of_the_notebook(
    shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """$name stands for a text or a path in all but a prompt, which is taken as it is typed."""
    shell.user_ns.update(NAME="mini", word="clear", path=tmp_path / "none")
    for line in ("models $NAME", "schedulers $NAME", "cache $word", "tokens a $NAME for {NAME}"):
        cell(shell, f"%sdnb {line}")
    shown = capsys.readouterr().out
    assert "mini: family" in shown and "dpmpp_2m" in shown and "0 pictures removed" in shown
    assert "a | $NAME | for | {NAME}" in shown
    assert str(tmp_path / "none") in refused(shell, "%sdnb models $path", capsys)


def test_the_panel(shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """%sdnb panel gives one, in the language that is named."""
    panel = cell(shell, "%sdnb panel es")
    assert isinstance(panel, sdnb.Panel) and panel.generate.description == "Generar"
    panel.close()
    assert "known: en, es" in refused(shell, "%sdnb panel fr", capsys)


def test_tokens(shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """A prompt's tokens are counted and shown chunk by chunk."""
    cell(shell, "%sdnb tokens a red fox")
    assert capsys.readouterr().out == "3 tokens in one chunk of at most 77\na | red | fox\n"


def test_the_manual_is_the_docstring(shell: InteractiveShell) -> None:
    """%%diffuse? shows every option."""
    manual = shell.find_cell_magic("diffuse").__doc__
    for flag in ("--seed", "--scheduler", "--dry-run", "--zip"):
        assert flag in manual


def completions(shell: InteractiveShell, text: str) -> list[str]:
    """Complete at the end of a text, as Tab does."""
    _, matches = shell.complete(None, text, len(text))
    return list(matches)


def test_tab_completes(shell: InteractiveShell) -> None:
    """Options, schedulers and models are offered."""
    assert "--seed" in completions(shell, "%%diffuse --s")
    assert "dpmpp_2m_karras" in completions(shell, "%%diffuse --scheduler dpmpp_2m_k")
    assert any(match.endswith("heun") for match in completions(shell, "%%diffuse --scheduler euler,he"))
    assert "mini" in completions(shell, "%%diffuse --model mi")
    assert "schedulers" in completions(shell, "%sdnb sch")
    assert "mini" in completions(shell, "%sdnb models mi")
    assert "mini" in completions(shell, "%sdnb schedulers ")
    assert "clear" in completions(shell, "%sdnb cache cl")
    assert "es" in completions(shell, "%sdnb panel e")
    assert "mini" not in completions(shell, "%sdnb tokens mi")


def test_unloading_leaves_the_shell_as_it_was() -> None:
    """Magics, settings and completers are gone; reloading does not pile up."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()

    def state() -> tuple[Any, ...]:
        magics = shell.magics_manager
        return (
            {kind: set(names) for kind, names in magics.magics.items()},
            set(magics.registry),
            len(shell.configurables),
            len(shell.Completer.custom_matchers),
            set(shell.user_ns),
        )

    shell.run_line_magic("unload_ext", "sdnb")  # IPython itself loads its magics for extensions late
    before = state()
    shell.run_line_magic("load_ext", "sdnb")
    loaded = state()
    for _ in range(3):
        shell.run_line_magic("reload_ext", "sdnb")
    assert state() == loaded
    assert sum(isinstance(c, Sdnb) for c in shell.configurables) == 1
    shell.run_line_magic("unload_ext", "sdnb")
    assert state() == before
    InteractiveShell.clear_instance()


def test_a_failed_run_pins_nothing(shell: InteractiveShell, engine: FakeEngine) -> None:
    """After an error no picture of the run is reachable from the shell."""
    sdnb.api.use_engine(FakeEngine(fails="cursed"))
    shell.run_cell("%%diffuse --no-cache\na cursed fox")
    results = weakref.ref(sdnb.last())
    sdnb.api._last = None
    gc.collect()
    assert results() is None


def test_a_model_is_made_ready_only_when_asked(shell: InteractiveShell, engine: FakeEngine) -> None:
    """%config Sdnb.warm = True does it once, after the cell; the next cell waits for it."""
    cell(shell, "1")
    assert engine.warmed == []
    seen = "\nfrom sdnb import api; seen = list(api.engine_for().warmed)"
    cell(shell, "%config Sdnb.warm = True" + seen)
    assert shell.user_ns["seen"] == []
    cell(shell, "%config Sdnb.warm = False" + seen)
    assert shell.user_ns["seen"] == ["mini"]
    cell(shell, "1" + seen)
    assert shell.user_ns["seen"] == ["mini"]


def test_a_cell_that_comes_meanwhile_waits_and_says_so(
    shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs when the model is ready; an interrupt ends the waiting; unloading leaves nothing behind."""
    ready = threading.Event()
    engine.warm = lambda model: ready.wait(30)  # type: ignore[method-assign, assignment, return-value]
    cell(shell, "%config Sdnb.warm = True")
    threading.Timer(0.6, _thread.interrupt_main).start()
    cell(shell, "print('ran')")
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("waiting for torch and the model") and shown[-1] == "ran"
    assert not ready.is_set()
    cell(shell, "%config Sdnb.warm = False\n%config Sdnb.warm = True")
    threading.Timer(0.6, ready.set).start()
    cell(shell, "print('ran')")
    assert ready.is_set()
    cell(shell, "%config Sdnb.warm = False\n%config Sdnb.warm = True\n%unload_ext sdnb")
    assert not any(type(getattr(f, "__self__", None)).__name__ == "_Warming" for f in _callbacks(shell))


def _callbacks(shell: InteractiveShell) -> list[Any]:
    return [function for waiting in shell.events.callbacks.values() for function in waiting]


def test_a_model_that_is_missing_is_told_by_the_cell(
    shell: InteractiveShell, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Making ready what is not there says nothing; the first cell does."""
    cell(shell, "%config Sdnb.model = 'minni'")
    cell(shell, "%config Sdnb.warm = True")
    cell(shell, "1")
    assert engine.warmed == []
    assert "minni" in refused(shell, "%%diffuse\na fox", capsys)
