"""The magics in a real kernel: interrupts under Run All, kills in the middle of a sweep."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

FAKE = """
%load_ext sdnb
from sdnb import api
from sdnb.testing import FakeEngine
engine = FakeEngine(seconds_per_call={seconds}, batch=1)
api.use_engine(engine)
"""


class Kernel:
    """A kernel whose replies and outputs are collected by request."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env=os.environ.copy())
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.outputs: dict[str, list[dict[str, Any]]] = {}

    def send(self, code: str) -> str:
        """Send a cell as Run All does."""
        return self.client.execute(code, stop_on_error=True)

    def reply(self, request: str, timeout: float = 120) -> dict[str, Any]:
        """Wait for the reply to a request."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            reply = self.client.get_shell_msg(timeout=timeout)
            if reply["parent_header"].get("msg_id") == request:
                self.drain(request)
                return reply["content"]
        raise TimeoutError(request)

    def drain(self, request: str) -> None:
        """Collect outputs until the request is done."""
        while True:
            message = self.client.get_iopub_msg(timeout=30)
            parent = message["parent_header"].get("msg_id")
            self.outputs.setdefault(parent, []).append(message)
            if parent == request and message["content"].get("execution_state") == "idle":
                return

    def wait_for_output(self, request: str, kind: str) -> None:
        """Wait until a request has shown an output of a kind."""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            parent = message["parent_header"].get("msg_id")
            self.outputs.setdefault(parent, []).append(message)
            if parent == request and message["msg_type"] == kind:
                return

    def run(self, code: str) -> dict[str, Any]:
        """Run a cell that must succeed; its last printed or returned text is under ``text``."""
        request = self.send(code)
        reply = self.reply(request)
        assert reply["status"] == "ok", reply
        texts = [
            m["content"].get("text") or m["content"].get("data", {}).get("text/plain")
            for m in self.outputs[request]
            if m["msg_type"] in ("stream", "execute_result", "display_data")
        ]
        return {**reply, "text": (texts or [""])[-1]}


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """Start a kernel."""
    started = Kernel()
    yield started
    started.client.stop_channels()
    started.manager.shutdown_kernel(now=True)


def test_stop_ends_run_all(kernel: Kernel) -> None:
    """One line is shown, the partial results are kept, and the next cell does not run."""
    kernel.run(FAKE.format(seconds=0.05))
    first = kernel.send("%%diffuse --seed 1..20 --out foxes\na fox")
    second = kernel.send("after = True")
    kernel.wait_for_output(first, "display_data")
    time.sleep(1.0)
    kernel.manager.interrupt_kernel()
    reply = kernel.reply(first)
    assert (reply["status"], reply["ename"]) == ("error", "UsageError")
    assert reply["evalue"].startswith("stopped: ") and reply["evalue"].endswith(" of 20 drawn")
    assert kernel.reply(second)["status"] == "aborted"
    assert kernel.run("'after' in globals()")["text"] == "False"
    assert kernel.run("sum(not p.error for p in foxes) == len(engine.drawn) > 0")["text"] == "True"
    assert kernel.run("engine.calls - 4 * len(engine.drawn) <= 4")["text"] == "True"


def test_progress_leaves_nothing_behind(kernel: Kernel) -> None:
    """A cell that ends well clears its progress and returns only its results."""
    kernel.run(FAKE.format(seconds=0.05))
    request = kernel.send("%%diffuse --seed 1..3\na fox")
    assert kernel.reply(request)["status"] == "ok"
    kinds = [m["msg_type"] for m in kernel.outputs[request] if m["msg_type"] != "status"]
    assert "display_data" in kinds and "update_display_data" in kinds
    assert kinds[-2:] == ["clear_output", "execute_result"]
    updates = kinds.count("update_display_data")
    assert updates <= 12


def test_kill_in_the_middle_of_a_sweep(kernel: Kernel, cache_folder: Path) -> None:
    """What was finished before a kill -9 is there in the next kernel, and nothing is half-written."""
    kernel.run(FAKE.format(seconds=0.05))
    request = kernel.send("%%diffuse --seed 1..20\na fox")
    kernel.wait_for_output(request, "display_data")
    time.sleep(1.5)
    kernel.manager.shutdown_kernel(now=True)
    kept = len(list(cache_folder.glob("??/??/*.png")))
    assert 0 < kept < 20
    other = Kernel()
    try:
        other.run(FAKE.format(seconds=0))
        other.run("%%diffuse --seed 1..20 --out foxes\na fox")
        assert (
            other.run("sum(p.cached for p in foxes), len(engine.drawn)")["text"] == f"({kept}, {20 - kept})"
        )
        other.run("[p.image.load() for p in foxes];")
    finally:
        other.client.stop_channels()
        other.manager.shutdown_kernel(now=True)


def test_the_right_picture_after_a_stop(kernel: Kernel) -> None:
    """`mini` stopped in the middle draws the same picture afterwards as a fresh engine does."""
    kernel.run("%load_ext sdnb\nimport sdnb")
    request = kernel.send("%%diffuse --steps 400 --no-cache\na fox")
    kernel.wait_for_output(request, "display_data")
    kernel.manager.interrupt_kernel()
    reply = kernel.reply(request)
    assert reply["evalue"] == "stopped: 0 of 1 drawn"
    kernel.run("%%diffuse --steps 4 --no-cache --out after\na fox")
    kernel.run("%sdnb unload")
    kernel.run("%%diffuse --steps 4 --no-cache --out fresh\na fox")
    assert kernel.run("after[0].image.tobytes() == fresh[0].image.tobytes()")["text"] == "True"
