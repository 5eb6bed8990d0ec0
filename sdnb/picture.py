"""`Picture`: one finished (or failed) picture with its settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdnb.errors import RenderError
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Picture"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Picture:
    """One picture of a sweep.

    Attributes
    ----------
    spec : ImageSpec
        Its settings.
    path : Path or None
        The PNG in the store; None for pictures that were not kept.
    seconds : float
        What drawing it cost; of a batch, its share.
    cached : bool
        Whether it came out of the store.
    notes : tuple of str
        What the user should know: decoded again in float32, blocked by the safety checker, …
    error : str
        Why it could not be drawn; empty when it was.
    """

    spec: ImageSpec
    path: Path | None = None
    seconds: float = 0.0
    cached: bool = False
    notes: tuple[str, ...] = ()
    error: str = ""
    pixels: Image | None = None

    @property
    def image(self) -> Image:
        """The picture, PIL RGB, opened from `path` at each use (only unkept ones are held).

        Raises
        ------
        RenderError
            It was not drawn, or its file is gone.
        """
        if self.pixels is not None:
            return self.pixels
        if self.path is None:
            raise RenderError(f"this picture was not drawn: {self.error or 'no reason is known'}")
        from PIL import Image

        try:
            with Image.open(self.path) as opened:
                return opened.convert("RGB")
        except OSError as error:
            raise RenderError(f"the picture's file cannot be read ({error}); draw it again") from None

    def with_(self, **changes: Any) -> Picture:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)

    def __repr__(self) -> str:
        state = f"failed: {self.error}" if self.error else f"{self.spec.width}x{self.spec.height}"
        return f"<Picture {self.spec.prompt!r} seed={self.spec.seed} {state}>"

    def _repr_png_(self) -> bytes | None:
        if self.error:
            return None
        if self.path is not None and self.path.is_file():
            return self.path.read_bytes()
        from io import BytesIO

        buffer = BytesIO()
        self.image.save(buffer, "PNG")
        return buffer.getvalue()
