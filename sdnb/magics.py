"""The cell and line magics: ``%%diffuse``, ``%diffuse``, ``%sdnb``, and their completion.

The one place that knows IPython, and the one that turns an `SdnbError` into a ``UsageError``, which
IPython shows in one line. It must be ``UsageError`` itself: a subclass shows a traceback. And it is
raised outside of any ``except``, so that nothing of the failed run is kept alive by ``__context__``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from sdnb import cell, schedulers, settings
from sdnb.errors import SdnbError

__all__ = ["SdnbMagics", "load", "unload"]

_PATIENCE = 0.3  # seconds that a cell waits without a word


@magics_class
class SdnbMagics(Magics):
    """What ``%load_ext sdnb`` adds."""

    @no_var_expand
    @line_cell_magic
    def diffuse(self, line: str, cell: str | None = None) -> Any:
        results, error = self._told(lambda: self._diffuse(line, cell))
        if error is not None:
            raise error
        return results

    @no_var_expand
    @line_magic
    def sdnb(self, line: str) -> Any:
        shown, error = self._told(lambda: self._sdnb(line))
        if error is not None:
            raise error
        return shown

    def _sdnb(self, line: str) -> Any:
        from sdnb import desk

        word, argument = desk.read(line, self._names)
        if word == "panel":
            from sdnb.panel.panel import Panel

            return Panel(argument or None)
        print(desk.answer(word, argument))
        return None

    def _told(self, work: Callable[[], Any]) -> tuple[Any, UsageError | None]:
        """Call `work`; return what it returns and no error, or nothing and the error to raise."""
        try:
            return work(), None
        except SdnbError as failure:
            if failure.results is not None:
                from IPython.display import display

                display(failure.results)  # type: ignore[no-untyped-call]
            message = str(failure)
        return None, UsageError(message)

    def _diffuse(self, line: str, body: str | None) -> Any:
        asked = cell.read(line, body, self._names)
        from sdnb import api
        from sdnb.results import Results

        show: Callable[[Any], Any]
        how = api.How(
            asked.device,
            asked.dtype,
            cache=not asked.no_cache,
            redraw=asked.redraw,
            latents=asked.compare,
            frames=asked.trajectory,
        )
        where: dict[str, Any] = {"device": asked.device, "dtype": asked.dtype, "limit": asked.limit}
        if asked.compare:
            from sdnb import compare, comparison

            plan = compare.plan(asked.request, equal=asked.equal, reference_steps=asked.reference, **where)
            planned, show = plan.sweep, partial(comparison.Comparison, plan)
        else:
            planned = api.plan(asked.request, **where)
            show = Results.trajectory if asked.trajectory else lambda results: results
        if asked.dry_run:
            print(api.dry_run(planned, how))
            return None
        try:
            drawn = api.draw(planned, how, progress=False if asked.quiet else None)
        except SdnbError as failure:
            self._bind(asked.out, failure.results)
            raise
        shown = show(drawn.results)
        self._bind(asked.out, shown)
        if drawn.displayed:
            from IPython.display import clear_output

            clear_output(wait=True)  # type: ignore[no-untyped-call]
        if asked.save:
            drawn.results.save(asked.save)
        return None if asked.quiet else shown

    def _bind(self, name: str | None, value: Any) -> None:
        if name and value is not None:
            self._names[name] = value

    @property
    def _names(self) -> dict[str, Any]:
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names


SdnbMagics.diffuse.__doc__ = cell.manual()
SdnbMagics.sdnb.__doc__ = """Look after sdnb.

    %sdnb status             device, precision, loaded models, store
    %sdnb models [NAME]      models on this machine; what one of them knows
    %sdnb schedulers [MODEL] the schedulers that fit a model, and what they cost
    %sdnb tokens PROMPT      what a prompt becomes
    %sdnb unload             free the memory of the loaded models
    %sdnb cache [clear]      the store of pictures
    %sdnb panel [en|es]      the same as a cell does, with the mouse
    %sdnb config             settings, to be changed by %config Sdnb.NAME = VALUE

NAME and MODEL may be a $name of the notebook, as in the options of %%diffuse.
"""


def _matcher(shell: InteractiveShell) -> Callable[[str], list[str]]:
    """Make what completes the line of a magic; it looks at the line, for a cell magic's has no other way."""

    def sdnb_matcher(text: str) -> list[str]:
        from sdnb import desk

        before = shell.Completer.text_until_cursor.lstrip()
        magic, _, line = before.lstrip("%").partition(" ")
        if not before.startswith("%") or not (line or before.endswith(" ")):
            return []
        if magic == "diffuse":
            return cell.complete(line, schedulers=schedulers.names(), models=desk.model_names())
        if magic == "sdnb":
            from sdnb.panel.words import LANGUAGES

            return desk.complete(line, LANGUAGES)
        return []

    return sdnb_matcher


class _Warming:
    """Makes the model ready in a thread, between the cell that asked for it and the next one.

    The next cell waits for the thread: diffusers and transformers put other modules in their own place
    while they are imported, and an import beside the thread's would get hold of the hollow ones.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._events = shell.events
        self._thread = Thread(target=self._work, daemon=True, name="sdnb warm")
        self._events.register("post_run_cell", self._begin)

    def _begin(self, result: object) -> None:
        self._events.unregister("post_run_cell", self._begin)
        self._events.register("pre_run_cell", self._wait)
        self._thread.start()

    def _wait(self, info: object) -> None:
        self._events.unregister("pre_run_cell", self._wait)
        with suppress(KeyboardInterrupt):  # it ends the waiting; the cell runs all the same
            self._thread.join(_PATIENCE)
            if self._thread.is_alive():
                print("waiting for torch and the model, which Sdnb.warm has loaded in the background")
                self._thread.join()

    @staticmethod
    def _work() -> None:
        from sdnb import api

        api.warm()


def load(shell: InteractiveShell) -> None:
    """Add the settings, the magics and their completion to a shell."""
    unload(shell)
    options = settings.Sdnb(parent=shell)
    shell.register_magics(SdnbMagics(shell))
    shell.configurables.append(options)  # type: ignore[arg-type]
    shell.Completer.custom_matchers.append(_matcher(shell))
    settings.activate(options)

    def warm(change: object = None) -> None:
        if options.warm:
            _Warming(shell)

    options.observe(warm, ["warm", "model"])
    warm()


def unload(shell: InteractiveShell) -> None:
    """Leave the shell as `load` found it."""
    ours = (settings.Sdnb, SdnbMagics)
    shell.configurables[:] = [c for c in shell.configurables if not isinstance(c, ours)]
    matchers = shell.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "__name__", "") != "sdnb_matcher"]
    for waiting in shell.events.callbacks.values():
        waiting[:] = [f for f in waiting if not isinstance(getattr(f, "__self__", None), _Warming)]
    manager = shell.magics_manager
    for kind, names in SdnbMagics.magics.items():
        for name in names:
            manager.magics[kind].pop(name, None)
    manager.registry.pop(SdnbMagics.__name__, None)
    settings.activate(None)
