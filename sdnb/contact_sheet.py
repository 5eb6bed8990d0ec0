"""The contact sheet: a sweep as one labelled picture, for slides, papers and READMEs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdnb.errors import RenderError, RequestError
from sdnb.layout import heading, lay_out
from sdnb.picture import Picture
from sdnb.sweep import Sweep

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

__all__ = ["contact_sheet"]

_LONGEST = 4096
_LARGEST_TILE = 2048
_PAPER, _INK, _QUIET, _EMPTY = (255, 255, 255), (34, 34, 34), (119, 119, 119), (242, 242, 242)


@dataclass(frozen=True)
class _Block:
    """One sub-grid with the texts around it: `rows` and `cols` may be empty, `captions` too."""

    title: str
    rows: tuple[str, ...]
    cols: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]
    captions: tuple[str, ...] = ()


def contact_sheet(
    pictures: Sequence[Picture], sweep: Sweep, *, tile: int | None = None, font: str | None = None
) -> Image:
    """Draw the pictures with their headings on one sheet.

    Parameters
    ----------
    pictures : sequence of Picture
        One for each spec of the sweep, row-major.
    sweep : Sweep
        Its axes label the sheet, its request says which axis goes down and which across.
    tile : int, optional
        Longer side of a picture on the sheet in pixels, 32 to 2048; unless told, that of the largest
        picture (at least 256), or less, so that the sheet is at most about 4096 pixels wide and high.
    font : str, optional
        File of a TrueType font, for scripts that the font in Pillow lacks (it is Latin).

    Returns
    -------
    PIL.Image.Image
        RGB, on white.

    Raises
    ------
    RequestError
        The tile's size is out of range, or the font cannot be read.
    """
    from PIL import Image, ImageDraw, ImageFont

    blocks = _blocks(pictures, sweep)
    widest = max(picture.spec.width for picture in pictures)
    highest = max(picture.spec.height for picture in pictures)
    if tile is None:
        columns = max(len(block.cells[0]) for block in blocks)
        rows = sum(len(block.cells) for block in blocks)
        fitting = min(_LONGEST // (columns + 1), _LONGEST // rows)
        tile = max(32, min(max(256, widest, highest), fitting))
    if not 32 <= tile <= _LARGEST_TILE:
        raise RequestError(f"tile must be from 32 to {_LARGEST_TILE} pixels, not {tile}")
    scale = tile / max(widest, highest)
    box = (round(widest * scale), round(highest * scale))
    size = max(11, min(28, tile // 16))
    try:
        letters = ImageFont.truetype(font, size) if font else ImageFont.load_default(size)
    except OSError as error:
        raise RequestError(f"the font {font!r} cannot be read: {error}") from None
    pen = _Pen(letters, size, box, scale)  # type: ignore[arg-type]

    measured = [pen.measure(block) for block in blocks]
    width = max(w for w, _ in measured) + 2 * pen.gap
    height = sum(h for _, h in measured) + 2 * pen.gap + 2 * pen.gap * (len(blocks) - 1)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = pen.gap
    for block, (_, block_height) in zip(blocks, measured, strict=True):
        pen.draw(block, pictures, sheet, draw, top)
        top += block_height + 2 * pen.gap
    return sheet


def _blocks(pictures: Sequence[Picture], sweep: Sweep) -> list[_Block]:
    """Turn the layout into blocks of texts and cells; a row that wraps becomes about as wide as high."""
    layout = lay_out(sweep.axes, sweep.request.rows, sweep.request.cols)
    rows, cols = layout.rows, layout.cols
    if rows is None:
        captions = tuple(heading(cols, i) for i in range(len(cols))) if cols else ("",)
        row = layout.panels[0].cells[0]
        columns = len(row) if len(row) <= 4 else math.ceil(math.sqrt(1.5 * len(row)))
        cells = tuple(row[i : i + columns] for i in range(0, len(row), columns))
        return [_Block("", (), (), cells, captions if any(captions) else ())]
    down = tuple(heading(rows, i) for i in range(len(rows)))
    across = tuple(heading(cols, i) for i in range(len(cols))) if cols else ()
    return [_Block(panel.title, down, across, panel.cells) for panel in layout.panels]


class _Pen:
    """Measures and draws blocks with one font and one size of tile."""

    def __init__(self, font: FreeTypeFont, size: int, box: tuple[int, int], scale: float) -> None:
        self.font = font
        self.line = round(size * 1.35)
        self.gap = max(4, size // 2)
        self.box = box
        self.scale = scale

    def wrap(self, text: str, width: int, most: int) -> list[str]:
        """Break a text into at most `most` lines of at most `width` pixels."""
        lines: list[str] = []
        for paragraph in text.split("\n"):
            line = ""
            for word in paragraph.split():
                if self.font.getlength(longer := f"{line} {word}".strip()) <= width:
                    line = longer
                    continue
                if line:
                    lines.append(line)
                while self.font.getlength(word) > width and len(word) > 1 and len(lines) < most:
                    cut = next(
                        n
                        for n in range(len(word) - 1, 0, -1)
                        if n == 1 or self.font.getlength(word[:n]) <= width
                    )
                    lines.append(word[:cut])
                    word = word[cut:]
                line = word
            lines.append(line)
        if len(lines) > most:
            last = lines[most - 1]
            while last and self.font.getlength(last + "…") > width:
                last = last[:-1]
            lines = [*lines[: most - 1], last.rstrip() + "…"]
        return lines

    def left(self, block: _Block) -> int:
        """Width of the row headings."""
        lines = [line for text in block.rows for line in text.split("\n")]
        longest = max(map(self.font.getlength, lines), default=0)
        return min(math.ceil(longest), max(self.box[0], 120)) + self.gap if block.rows else 0

    def top(self, block: _Block) -> int:
        """Height of the title and the column headings."""
        lines = max((len(self.wrap(text, self.box[0], 4)) for text in block.cols), default=0)
        return self.line * (bool(block.title) + lines) + self.gap * (bool(block.title) + bool(lines))

    def caption(self, block: _Block) -> int:
        """Height of the captions over the pictures of a row that wraps."""
        return max((len(self.wrap(text, self.box[0], 2)) for text in block.captions), default=0) * self.line

    def measure(self, block: _Block) -> tuple[int, int]:
        columns, rows = len(block.cells[0]), len(block.cells)
        width = self.left(block) + columns * (self.box[0] + self.gap) - self.gap
        if block.title:
            width = max(width, min(math.ceil(self.font.getlength(block.title)), 2 * width))
        high = self.box[1] + self.caption(block) + self.gap
        return width, self.top(block) + rows * high - self.gap

    def text(
        self, draw: ImageDraw, at: tuple[int, int], lines: list[str], ink: tuple[int, int, int] = _INK
    ) -> None:
        for i, line in enumerate(lines):
            draw.text((at[0], at[1] + i * self.line), line, fill=ink, font=self.font)

    def draw(
        self, block: _Block, pictures: Sequence[Picture], sheet: Image, draw: ImageDraw, top: int
    ) -> None:
        width, _ = self.measure(block)
        x0, y0 = self.gap + self.left(block), top + self.top(block)
        if block.title:
            self.text(draw, (self.gap, top), self.wrap(block.title, width, 1))
        for i, text in enumerate(block.cols):
            lines = self.wrap(text, self.box[0], 4)
            at = (x0 + i * (self.box[0] + self.gap), y0 - self.gap - len(lines) * self.line)
            self.text(draw, at, lines)
        caption = self.caption(block)
        for r, indices in enumerate(block.cells):
            y = y0 + r * (self.box[1] + caption + self.gap)
            if block.rows:
                most = max(1, self.box[1] // self.line)
                self.text(draw, (self.gap, y), self.wrap(block.rows[r], x0 - 2 * self.gap, most))
            for c, index in enumerate(indices):
                x = x0 + c * (self.box[0] + self.gap)
                if block.captions:
                    self.text(draw, (x, y), self.wrap(block.captions[index], self.box[0], 2))
                self.tile(pictures[index], sheet, draw, (x, y + caption))

    def tile(self, picture: Picture, sheet: Image, draw: ImageDraw, at: tuple[int, int]) -> None:
        size = (
            max(1, round(picture.spec.width * self.scale)),
            max(1, round(picture.spec.height * self.scale)),
        )
        error = picture.error
        if not error:
            try:
                sheet.paste(picture.image.resize(size, 1), at)  # 1: Lanczos
                return
            except RenderError as gone:  # the store was emptied after the picture was drawn
                error = str(gone)
        draw.rectangle((*at, at[0] + size[0] - 1, at[1] + size[1] - 1), fill=_EMPTY)
        inside = (at[0] + self.gap, at[1] + self.gap)
        most = max(1, (size[1] - 2 * self.gap) // self.line)
        self.text(draw, inside, self.wrap(f"not drawn\n{error}", size[0] - 2 * self.gap, most), _QUIET)
