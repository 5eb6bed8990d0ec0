"""`Picture`: one finished (or failed) picture with its settings.

A run may ask for more than pixels: the final latents, and what the model took the picture to be after
each call. Both are kept as private chunks of the picture's own PNG, so that they are written, counted,
evicted and taken in again with it; other programs pass over them.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdnb import png
from sdnb.errors import RenderError, RequestError
from sdnb.spec import ImageSpec

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray
    from PIL.Image import Image

__all__ = ["CHUNKS", "FRAME_SIDE", "Frame", "Picture", "counted"]

#: Longer side of a kept frame in pixels, at most.
FRAME_SIDE = 256
_LATENTS, _FRAMES = b"laTN", b"frMS"
#: The types of the chunks that hold latents and frames.
CHUNKS = (_LATENTS, _FRAMES)


def counted(count: int) -> str:
    """Say so many pictures.

    Examples
    --------
    >>> counted(1), counted(16)
    ('1 picture', '16 pictures')
    """
    return "1 picture" if count == 1 else f"{count} pictures"


@dataclass(frozen=True)
class Frame:
    """What the model took the picture to be at one of its calls: the predicted x0, decoded.

    Attributes
    ----------
    noise : float
        The noise level sigma that the call read, the data having unit variance; 14.6 is all noise for
        Stable Diffusion 1.5.
    data : bytes
        A WebP file, its longer side at most `FRAME_SIDE`.
    """

    noise: float
    data: bytes

    @property
    def image(self) -> Image:
        """The frame, PIL RGB."""
        from PIL import Image

        with Image.open(BytesIO(self.data)) as opened:
            return opened.convert("RGB")


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
    pixels : Image or None
        Held only for pictures that were not kept.
    chunks : mapping of bytes to bytes
        What else goes into the file; see `with_latents` and `with_frames`. Held as `pixels` are.
    """

    spec: ImageSpec
    path: Path | None = None
    seconds: float = 0.0
    cached: bool = False
    notes: tuple[str, ...] = ()
    error: str = ""
    pixels: Image | None = None
    chunks: Mapping[bytes, bytes] = field(default_factory=dict)

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

    @property
    def latents(self) -> NDArray[float32] | None:
        """The final latents as the VAE was given them, ``[channels, height/8, width/8]``; None if not kept.

        Raises
        ------
        RenderError
            Its file is gone or damaged.
        """
        if (body := self._chunk(_LATENTS)) is None:
            return None
        import numpy as np

        loaded: NDArray[float32] = np.load(BytesIO(body), allow_pickle=False)
        return loaded

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The predicted x0 of every call of the model, first call first; empty if not kept.

        Raises
        ------
        RenderError
            Its file is gone or damaged.
        """
        if (body := self._chunk(_FRAMES)) is None:
            return ()
        return tuple(Frame(float(noise), b64decode(data)) for noise, data in json.loads(body))

    def with_latents(self, latents: NDArray[float32]) -> Picture:
        """Return a copy that holds its final latents."""
        import numpy as np

        buffer = BytesIO()
        np.save(buffer, latents.astype(np.float32), allow_pickle=False)
        return self.with_(chunks={**self.chunks, _LATENTS: buffer.getvalue()})

    def with_frames(self, frames: Iterable[tuple[float, Image]]) -> Picture:
        """Return a copy that holds frames: the noise level of each call, and its x0 as an RGB picture."""
        listed = []
        for noise, image in frames:
            scale = min(FRAME_SIDE / max(image.size), 1)
            size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
            buffer = BytesIO()
            (image if size == image.size else image.resize(size)).save(buffer, "WEBP", quality=90)
            listed.append((noise, b64encode(buffer.getvalue()).decode()))
        return self.with_(chunks={**self.chunks, _FRAMES: json.dumps(listed).encode()})

    def _chunk(self, kind: bytes) -> bytes | None:
        if self.pixels is not None or self.path is None:
            return self.chunks.get(kind)
        try:
            with self.path.open("rb") as stream:
                return png.chunk(stream, kind)
        except (OSError, RequestError) as error:
            raise RenderError(f"the picture's file cannot be read ({error}); draw it again") from None

    def with_(self, **changes: Any) -> Picture:
        """Return a copy with some attributes changed."""
        return replace(self, **changes)

    def __repr__(self) -> str:
        state = f"failed: {self.error}" if self.error else f"{self.spec.width}x{self.spec.height}"
        if self.pixels is None and self.path is not None and not self.path.is_file():
            state = "its file is gone; draw it again"
        return f"<Picture {self.spec.prompt!r} seed={self.spec.seed} {state}>"

    def _repr_png_(self) -> bytes | None:
        if self.pixels is not None:
            buffer = BytesIO()
            self.pixels.save(buffer, "PNG")
            return buffer.getvalue()
        if self.path is None or not self.path.is_file():
            return None
        return png.without(self.path.read_bytes(), CHUNKS)
