"""A new process with an IPython shell that runs cells, and runs in the order A B B A."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from time import perf_counter
from typing import Any

__all__ = ["Kernel", "alternate", "clock_unet"]

_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


class Kernel:
    """A process of its own with an IPython shell; the clock starts before the process does.

    It is `InteractiveShell`, without the sockets of a notebook's kernel: they cost both sides the same
    and would only hide the differences. Results are displayed, so a grid's HTML is made.

    Parameters
    ----------
    settings : mapping of str to str
        Added to the environment.
    """

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.began = perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.kernel"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent.parent,
            env={**os.environ, **settings},
        )

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    @property
    def age(self) -> float:
        """Seconds since the process was started."""
        return perf_counter() - self.began

    def run(self, cell: str) -> dict[str, Any]:
        """Run a cell; return its `seconds`, its `value` if that is a number, and the `peak` of the memory.

        The peak is that of the process since it began, in bytes.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(cell) + "\n")
        self._process.stdin.flush()
        reply: dict[str, Any] = json.loads(self._process.stdout.readline())
        if reply["error"]:
            raise RuntimeError(f"{cell}\n{reply['error']}")
        return reply

    def memory(self) -> int:
        """Return the bytes of main memory that the process holds now."""
        import psutil

        return int(psutil.Process(self._process.pid).memory_info().rss)


def alternate(
    first: Callable[[], float], second: Callable[[], float], rounds: int
) -> tuple[list[float], list[float]]:
    """Run two measurements in the order A B B A …, so that a drift of the machine meets both alike.

    Returns
    -------
    tuple of list of float
        What each of them returned, `rounds` of each.
    """
    found: tuple[list[float], list[float]] = ([], [])
    for i in range(rounds):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            found[which].append((first, second)[which]())
    return found


def clock_unet() -> list[float]:
    """Return a list that gets the seconds of every call of a UNet from now on, whoever calls it."""
    from diffusers import UNet2DConditionModel

    seconds: list[float] = []
    forward = UNet2DConditionModel.forward

    def clocked(*arguments: Any, **keywords: Any) -> Any:
        began = perf_counter()
        answer = forward(*arguments, **keywords)
        seconds.append(perf_counter() - began)
        return answer

    UNet2DConditionModel.forward = clocked
    return seconds


def _serve() -> None:
    """Run the cells that come by standard input; what they print goes nowhere."""
    from IPython.core.interactiveshell import InteractiveShell

    replies = os.fdopen(os.dup(1), "w", buffering=1)
    shell = InteractiveShell.instance()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        for line in sys.stdin:
            began = perf_counter()
            result = shell.run_cell(json.loads(line), store_history=True)
            seconds = perf_counter() - began
            error = result.error_before_exec or result.error_in_exec
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
            value = result.result if isinstance(result.result, (int, float)) else None
            said = repr(error) if error else ""
            reply = {"seconds": seconds, "value": value, "peak": peak, "error": said}
            replies.write(json.dumps(reply) + "\n")


if __name__ == "__main__":
    _serve()
