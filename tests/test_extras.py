"""Of `sdnb.extras`: what is missing is named with what brings it."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from sdnb import extras, scheduler_kinds
from sdnb.errors import MissingExtra


def test_each_extra_brings_what_the_line_says() -> None:
    """The table and pyproject.toml agree, and it knows all that a scheduler may need."""
    project = tomllib.loads(Path(__file__).parent.with_name("pyproject.toml").read_text("utf-8"))["project"]
    for package, extra in extras.BROUGHT.values():
        assert any(line.startswith(f"{package}>=") for line in project["optional-dependencies"][extra])
    assert {kind.needs for kind in scheduler_kinds.TABLE.values() if kind.needs} <= set(extras.BROUGHT)


@pytest.mark.parametrize("name", extras.BROUGHT)
def test_a_missing_package_is_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs it, what it is called and what to type; and it is an ImportError too."""
    extras.require(name, "the plot")
    monkeypatch.setitem(sys.modules, name, None)
    assert not extras.installed(name)
    package, extra = extras.BROUGHT[name]
    with pytest.raises(ImportError) as told:
        extras.require(name, "the plot")
    assert isinstance(told.value, MissingExtra)
    assert str(told.value) == f'the plot needs {package}: pip install "sdnb[{extra}]"'
