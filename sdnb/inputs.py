"""Pictures to begin from and masks: read, named by their content, kept so that a cell can ask for them again.

A spec holds no path: it holds the digest of the decoded pixels. The pixels travel beside it, and those of
runs that use the store are kept in its folder ``inputs``, the last `MOST_KEPT` of them, so that
``--init sha256:1f2e3d4c…`` (what `Results.to_cell` writes) finds them on this machine. On another one the
line that says that they are not there asks for the file.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sdnb.errors import RequestError
from sdnb.png import MAX_PIXELS, check_size
from sdnb.settings import default_folder

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MOST_KEPT", "Input", "find", "fitted", "keep", "of", "read"]

MOST_KEPT = 256
MULTIPLE = 8
# A picture to begin from may have so much more area than the model was made for, before it is drawn smaller.
_LARGER = 1.5
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")


@dataclass(frozen=True)
class Input:
    """A picture that the user gave. Two of the same pixels are the same.

    Attributes
    ----------
    digest : str
        Sha256 of width, height and RGB bytes, 64 hex digits.
    label : str
        What a grid calls it: a file's name without its folders, or the digest's first digits.
    image : PIL image
        RGB. What was transparent is white.
    """

    digest: str
    label: str = field(compare=False)
    image: Image = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.label

    @property
    def short(self) -> str:
        """What a cell writes to ask for it again."""
        return f"sha256:{self.digest[:16]}"


def read(text: str) -> Input:
    """Read a picture by its path, or a kept one by its digest (``sha256:`` and 8 digits or more).

    Raises
    ------
    RequestError
        There is no such picture, or it cannot be read or is too large.
    """
    if text.startswith("sha256:"):
        return find(text)
    path = Path(text).expanduser()
    if not path.is_file():
        hint = "give a file, a $name of the notebook, or sha256: and the digest of a kept picture"
        raise RequestError(f"there is no picture {text!r}; {hint}")
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own limit; ours is checked before anything is decoded
            with Image.open(path, formats=_FORMATS) as opened:
                check_size(*opened.size)
                return of(opened, path.name)
    except RequestError as error:
        reason = str(error)
    except Image.DecompressionBombError:
        reason = f"it is too large; at most {MAX_PIXELS >> 20} Mpx are read"
    except Exception as error:  # a decoder meets whatever a file's maker thought of
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    raise RequestError(f"the picture {path.name} cannot be read: {reason}")


def of(given: Any, label: str = "") -> Input:
    """Take a PIL image, a `Picture` or an array ``uint8 [height, width, 3]`` of the notebook.

    Raises
    ------
    RequestError
        It is none of these, or is too large.
    """
    from PIL import Image, ImageOps

    if isinstance(given, Input):
        return given
    image = getattr(given, "image", given)
    if not isinstance(image, Image.Image) and hasattr(image, "__array_interface__"):
        try:
            image = Image.fromarray(image)
        except (TypeError, ValueError, AttributeError):
            image = given
    if not isinstance(image, Image.Image):
        raise RequestError(
            f"{type(given).__name__} is no picture; a file, a PIL image or a drawn picture is one"
        )
    check_size(*image.size)
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Image.new("RGBA", over.size, "white")
        image.alpha_composite(over)
    image = image.convert("RGB")
    digest = hashlib.sha256(f"{image.width}x{image.height}\n".encode() + image.tobytes()).hexdigest()
    return Input(digest, label or digest[:8], image)


def fitted(size: tuple[int, int], own: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which a picture of `size` is drawn when the user names none.

    It is the picture's own, or, where that has more than one and a half times the area that the model was
    made for, the one of the model's area with the same proportions; in multiples of 8, rounded down.

    Examples
    --------
    >>> fitted((512, 771), (512, 512)), fitted((1920, 1080), (512, 512)), fitted((512, 512), (128, 128))
    ((512, 768), (680, 384), (128, 128))
    """
    width, height = size
    area = own[0] * own[1]
    scale = sqrt(area / (width * height)) if width * height > _LARGER * area * 1.01 else 1.0
    return tuple(max(MULTIPLE, int(side * scale + 1e-6) // MULTIPLE * MULTIPLE) for side in size)  # type: ignore[return-value]


def keep(given: Input) -> None:
    """Keep a picture in the store's folder, and let the oldest go where there are more than `MOST_KEPT`.

    A folder that cannot be written keeps nothing; the picture is drawn all the same.
    """
    folder = _folder()
    path = folder / f"{given.digest}.png"
    try:
        if path.is_file():
            os.utime(path)
            return
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{uuid4().hex}"
        try:
            given.image.save(temporary, "PNG")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        kept = sorted(folder.glob("*.png"), key=lambda file: file.stat().st_mtime)
        for old in kept[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def find(text: str) -> Input:
    """Return a kept picture by its digest or the first 8 or more digits of it.

    Raises
    ------
    RequestError
        It is not kept on this machine, several are meant, or its file is damaged.
    """
    if not (asked := _DIGEST.fullmatch(text)):
        raise RequestError(f"{text!r} is no digest; it is sha256: and 8 to 64 digits of 0-9 and a-f")
    there = list(_folder().glob(f"{asked[1]}*.png"))
    if len(there) != 1:
        what = (
            "is not kept on this machine; give its file instead"
            if not there
            else "means several; write more digits"
        )
        raise RequestError(f"the picture sha256:{asked[1]} {what}")
    from PIL import Image

    try:
        with Image.open(there[0], formats=("PNG",)) as opened:
            check_size(*opened.size)
            found = of(opened)
    except (OSError, SyntaxError, ValueError):
        found = None
    if found is None or found.digest != there[0].stem:
        raise RequestError(f"the kept picture sha256:{asked[1]} is damaged; give its file instead")
    return found


def _folder() -> Path:
    return default_folder() / "inputs"
