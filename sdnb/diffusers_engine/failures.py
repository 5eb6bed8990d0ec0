"""What becomes of an exception: whether memory ran out, one line for the user, and no tensor kept alive.

Importing this file imports no torch.
"""

from __future__ import annotations

import traceback

__all__ = ["let_go", "out_of_memory", "why"]


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that memory ran out, on any device."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def why(error: BaseException) -> str:
    """Return an exception as one line that keeps none of its frames: kind, message, place."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" ({code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno})"
        trace = trace.tb_next
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}{place}"


def let_go(error: BaseException) -> None:
    """Empty the frames of an exception and of what led to it: they would keep tensors alive.

    IPython keeps the last traceback, and with it every frame's variables. Of an interrupt only the outermost
    frame is left: it may strike in a function whose closure, which no frame lets go of, holds tensors.
    """
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        traceback.clear_frames(inner.__traceback__)
        inner = inner.__cause__ or inner.__context__
    if not isinstance(error, Exception) and error.__traceback__ is not None:
        error.__traceback__.tb_next = None
