"""`ModelChoice` and `SchedulerChoice`: fields that are lists, and take what is not listed all the same."""

from __future__ import annotations

import ipywidgets as ipw

from sdnb import api, desk, models, schedulers
from sdnb.errors import SdnbError
from sdnb.models import Capabilities
from sdnb.panel.field import Field
from sdnb.panel.words import Words

__all__ = ["ModelChoice", "SchedulerChoice"]

_OTHER = ""


class ModelChoice(Field):
    """The models of this machine, and a line for another's folder, file or hub id.

    Parameters
    ----------
    words : Words
    default : str
        The model to begin with.

    Attributes
    ----------
    path : widget
        The line, seen while the list says "another".
    """

    def __init__(self, words: Words, default: str) -> None:
        names = desk.model_names()
        if default not in names:
            names.insert(0, default)
        options = [*((name, name) for name in names), (words("other_model"), _OTHER)]
        self.path = ipw.Text(placeholder=words("model_hint"), continuous_update=False)
        super().__init__(ipw.Dropdown(description=words("model"), options=options), self.path)
        self.control.observe(lambda _: self._turn(), "value")
        self.value = default
        self._turn()

    @property
    def text(self) -> str:
        """What names the model that is chosen, as `sdnb.models.resolve` takes it."""
        return str(self.value or self.path.value.strip())

    def capabilities(self) -> Capabilities:
        """Return what the model can do.

        Raises
        ------
        ModelError
            It is not there or cannot be used.
        """
        return api.engine_for().capabilities(models.resolve(self.text))

    def take(self, name: str) -> bool:
        """Choose a model by the name that a spec holds; False if it is not on this machine."""
        if name in {value for _, value in self.control.options}:
            self.value = name
            return True
        try:
            if models.resolve(self.text).name == name:
                return True  # its folder is typed already
            models.resolve(name)
        except SdnbError:
            return False
        self.value, self.path.value = _OTHER, name
        return True

    def _turn(self) -> None:
        self.path.layout.display = "none" if self.value else ""
        (self.box.remove_class if self.value else self.box.add_class)("sdnb-wide")


class SchedulerChoice(Field):
    """The schedulers that fit the model.

    Parameters
    ----------
    words : Words

    Attributes
    ----------
    names : list of str
        Those that fit, without keywords.
    """

    def __init__(self, words: Words) -> None:
        super().__init__(ipw.Dropdown(description=words("scheduler")))
        self.names = schedulers.names()

    def offer(self, can: Capabilities, default: str, before: str | None) -> None:
        """List the schedulers that fit a model; choose its default where nobody chose another.

        Parameters
        ----------
        can : Capabilities
        default : str
            Listed whether it fits or not.
        before : str or None
            The default until now, if there was one.
        """
        self.names = [name for name in schedulers.names() if _kind(name) in can.schedulers]
        listed = self.names if default in self.names else [*self.names, default]
        chosen = self.value
        self.control.options = [(_titled(name), name) for name in listed]
        keeps = before is not None and chosen != before and chosen in listed
        self.value = chosen if keeps else default

    def take(self, name: str) -> bool:
        """Choose a scheduler, also one with keywords that the list does not have; False if none fits."""
        if _kind(name) not in map(_kind, self.names):
            return False
        if name not in [value for _, value in self.control.options]:
            self.control.options = (*self.control.options, (name, name))
        self.value = name
        return True


def _kind(name: str) -> str:
    return schedulers.parse(name).kind.name


def _titled(name: str) -> str:
    scheduler = schedulers.parse(name)
    return f"{name} · {scheduler.kind.title} {scheduler.sigmas.title()}".rstrip()
