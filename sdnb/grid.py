"""The grid in the notebook: one piece of HTML that needs no JavaScript and no network.

Each tile is a ``<details>``: its summary is the picture, a click opens it, the settings appear under
the picture, and the picture grows to their width. That needs inline styles only (the summary is as wide
as its parent and adds nothing to the parent's width), so it also works where a page's sanitizer drops
``<style>`` elements, as JupyterLab's does in a notebook that it does not trust. The style sheet of
`sdnb.frame` adds what may be missed: headings that stay in view, and quieter tables. Every image is
embedded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from textwrap import shorten

from sdnb.embedder import Embedder
from sdnb.errors import RenderError
from sdnb.frame import QUIET, ROW, framed
from sdnb.layout import SHORT, Layout, Panel, heading, lay_out, short
from sdnb.picture import Picture
from sdnb.sweep import Axis, Sweep

__all__ = ["body", "html", "settings_of"]

# Sides of a tile in CSS pixels by the number of columns, or of rows and one: what fills a laptop's screen.
_TILES = ((3, 256), (4, 192), (5, 160))
_SMALLEST_TILE = 128
_WIDEST = 1024
# Grids that are higher than this scroll inside their own box.
_BOX = 720

_CELL = "padding:3px;border:0;vertical-align:top;text-align:left"
_HEAD = "padding:3px 8px 3px 3px;border:0;text-align:left;font-weight:normal"
_TABLE = "table-layout:auto;border-collapse:separate;border-spacing:0;margin:0;border:0"
_TEXT = "white-space:pre-wrap;overflow-wrap:anywhere"
# As wide as the parent and no reason for the parent to be wider.
_FILL = "display:block;width:0;min-width:100%"


def html(pictures: Sequence[Picture], sweep: Sweep, *, kilobytes: int) -> str:
    """Write the grid.

    Parameters
    ----------
    pictures : sequence of Picture
        One for each spec of the sweep, row-major.
    sweep : Sweep
        Its axes label the grid, its request says which axis goes down and which across.
    kilobytes : int
        Most base64 text that the embedded images may take together, in 10^3 bytes. Each gets an equal
        part: lossless where that is enough, else WebP of falling quality and then of falling size.

    Returns
    -------
    str
        One ``<div class="sdnb">…</div>``.
    """
    return framed(body(pictures, sweep, kilobytes=kilobytes))


def body(
    pictures: Sequence[Picture],
    sweep: Sweep,
    *,
    kilobytes: int,
    layout: Layout | None = None,
    captions: Sequence[str] = (),
) -> str:
    """Write what stands inside the frame: the tiles, and the quiet lines under them.

    Parameters
    ----------
    pictures, sweep, kilobytes
        As for `html`.
    layout : Layout, optional
        That of the sweep's axes and its request unless given.
    captions : sequence of str, optional
        A text under each picture.
    """
    layout = layout or lay_out(sweep.axes, sweep.request.rows, sweep.request.cols)
    drawn = sum(not picture.error for picture in pictures)
    writer = _Writer(pictures, sweep.axes, layout, Embedder(kilobytes * 1000 // max(drawn, 1)), captions)
    tiles = "".join(writer.wrapping() if layout.wraps else map(writer.table, layout.panels))
    box = f"overflow:auto;max-height:{_BOX}px" if writer.height > _BOX else "overflow:auto"
    return f'<section style="{box}">{tiles}</section>{_footer(pictures, sweep)}'


def settings_of(picture: Picture) -> dict[str, str]:
    """Return what there is to say about a picture, as texts by short names, prompt first.

    Examples
    --------
    >>> from sdnb.spec import ImageSpec
    >>> spec = ImageSpec(model="mini", prompt="a fox", seed=1, num_inference_steps=20,
    ...                  guidance_scale=4, scheduler="euler", width=128, height=96)
    >>> settings_of(Picture(spec=spec, seconds=1.5, cached=True))  # doctest: +NORMALIZE_WHITESPACE
    {'prompt': 'a fox', 'seed': '1', 'steps': '20', 'guidance': '4', 'scheduler': 'euler',
     'size': '128x96', 'model': 'mini', 'time': '1.5 s, from the store', 'digest': '36712f117fc2'}
    """
    spec = picture.spec.to_dict()
    ordered = {"prompt": spec.pop("prompt"), "negative_prompt": spec.pop("negative_prompt", "")}
    model, size = spec.pop("model"), f"{spec.pop('width')}x{spec.pop('height')}"
    ordered |= spec | {"size": size, "model": model}
    said = {
        SHORT.get(name, name.replace("_", " ")): f"{value:g}" if isinstance(value, float) else str(value)
        for name, value in ordered.items()
        if value != ""
    }
    if picture.error:
        said["not drawn"] = picture.error
    else:
        said["time"] = f"{picture.seconds:.1f} s" + (", from the store" if picture.cached else "")
    if picture.notes:
        said["note"] = "\n".join(picture.notes)
    return said | {"digest": picture.spec.digest[:12]}


class _Writer:
    """Writes the tiles and tables of one grid."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        axes: Sequence[Axis],
        layout: Layout,
        embedder: Embedder,
        captions: Sequence[str] = (),
    ) -> None:
        self.pictures = pictures
        self.captions = captions
        self.axes = axes
        self.layout = layout
        self.embedder = embedder
        first = layout.panels[0]
        down, across = len(first.cells), len(first.cells[0]) + (first.beside is not None)
        if layout.wraps and across > 4:
            down, across = 2, (across + 1) // 2
        count = max(across, down + 1 if down > 1 else 1)
        self.tile = next((side for most, side in _TILES if count <= most), _SMALLEST_TILE)
        self.height = down * len(layout.panels) * (max(self.shown(picture)[1] for picture in pictures) + 6)

    def shown(self, picture: Picture) -> tuple[int, int]:
        """Width and height of its tile in CSS pixels."""
        width, height = picture.spec.width, picture.spec.height
        scale = self.tile / max(width, height)
        return max(round(width * scale), 48), max(round(height * scale), 48)

    def wrapping(self) -> Iterator[str]:
        axis = self.layout.cols
        for index in self.layout.panels[0].cells[0]:
            label = f"{_clipped(heading(axis, index), 1)}" if axis else ""
            yield (
                '<figure style="display:inline-block;vertical-align:top;margin:0 8px 8px 0;max-width:100%">'
                f"{label}{self.details(index)}</figure>"
            )

    def table(self, panel: Panel) -> str:
        rows, cols = self.layout.rows, self.layout.cols
        assert rows is not None
        head = ""
        if panel.title:
            title = f'<span class="sdnb-title">{escape(panel.title)}</span>'
            width = len(panel.cells[0]) + 1 + (panel.beside is not None)
            span = f'scope="colgroup" colspan="{width}"'
            head = f'{ROW}<th {span} style="{_HEAD};font-weight:600">{title}</th></tr>'
        low, high = f"{_HEAD};vertical-align:bottom", f"{_HEAD};vertical-align:top"
        corner = [f"{escape(short(cols))} →"] if cols else []
        corner.append(f"{escape(short(rows))} ↓")
        names = f"white-space:nowrap;font-size:12px;line-height:1.4;{QUIET}"
        head += f'{ROW}<th style="{low}"><span style="{names}">{"<br>".join(corner)}</span></th>'
        for label in cols.labels if cols else ("",):
            head += f'<th scope="col" style="{low}">{_clipped(label, 2)}</th>'
        tiles, lines = "", self.tile // 20
        for label, indices in zip(rows.labels, panel.cells, strict=True):
            tiles += f'{ROW}<th scope="row" style="{high}">{_clipped(label, lines, "max-width:11em")}</th>'
            tiles += "".join(f'<td style="{_CELL}">{self.details(i)}</td>' for i in indices)
            if panel.beside is not None and indices is panel.cells[0]:
                last = (
                    f'<span style="display:block;position:sticky;top:2em">{self.details(panel.beside)}</span>'
                )
                tiles += f'<td rowspan="{len(panel.cells)}" style="{_CELL}">{last}</td>'
            tiles += "</tr>"
        beside = "display:inline-table;vertical-align:top;margin:0 24px 16px 0" if panel.title else ""
        return (
            f'<table class="sdnb-table" style="{_TABLE};{beside}"><thead>{head}</tr></thead>'
            f"<tbody>{tiles}</tbody></table>"
        )

    def details(self, index: int) -> str:
        """One tile: the picture (or why there is none), and under it, when opened, its settings."""
        picture = self.pictures[index]
        width, height = self.shown(picture)
        opened = min(max(picture.spec.width, 2 * width), _WIDEST)
        face = self.face(picture, index, width, height)
        said = "".join(
            f'<dt>{escape(name)}</dt><dd style="{_TEXT}">{escape(text)}</dd>'
            for name, text in settings_of(picture).items()
        )
        under = ""
        if self.captions:
            under = f'<span style="{_FILL};font-size:11px;line-height:1.35;margin-top:2px">'
            under += "<br>".join(map(escape, self.captions[index].splitlines())) + "</span>"
        return (
            f'<details style="display:inline-block;min-width:{width}px;max-width:100%;vertical-align:top">'
            f'<summary style="{_FILL};list-style:none;cursor:pointer">{face}{under}</summary>'
            f'<dl style="display:grid;grid-template-columns:max-content 1fr;gap:0 12px;width:{opened}px;'
            f'max-width:100%;margin:4px 0 8px;font-size:12px;line-height:1.5">{said}</dl></details>'
        )

    def face(self, picture: Picture, index: int, width: int, height: int) -> str:
        error, source = picture.error, ""
        if not error:
            try:
                source = self.embedder.url(picture)
            except RenderError as gone:  # the store was emptied after the picture was drawn
                error = str(gone)
        if error:
            return (
                f'<span style="display:block;box-sizing:border-box;width:100%;height:{height}px;padding:8px;'
                f"border:1px dashed;border-radius:3px;{QUIET};overflow:hidden;font-size:12px;line-height:1.4"
                '">'
                f"not drawn<br>{escape(shorten(error, 200, placeholder='…'))}</span>"
            )
        place = []
        for axis in reversed(self.axes):
            index, position = divmod(index, len(axis))
            place.append(heading(axis, position))
        alt = ", ".join(dict.fromkeys([picture.spec.prompt, *reversed(place)]))
        note = f'<span style="{_FILL};overflow:hidden;font-size:11px;{QUIET}">' if picture.notes else ""
        if note:
            note += escape(shorten("; ".join(picture.notes), 120, placeholder="…")) + "</span>"
        return (
            f'<img src="{source}" alt="{escape(shorten(alt, 160, placeholder="…"))}" width="{width}" '
            f'style="display:block;width:100%;max-width:100%;height:auto;margin:0;border-radius:3px">{note}'
        )


def _clipped(text: str, lines: int, width: str = "width:0;min-width:100%") -> str:
    """A label that shows its first lines; the whole is in its title."""
    return (
        f'<span class="sdnb-clip" title="{escape(text)}" style="display:block;{width};line-height:1.4;'
        f"max-height:{lines * 1.4:.1f}em;-webkit-line-clamp:{lines};overflow:hidden;font-size:12px;"
        f'overflow-wrap:break-word">{escape(text)}</span>'
    )


def _footer(pictures: Sequence[Picture], sweep: Sweep) -> str:
    """Say in a quiet line what the run was, and under it what the sweep has to tell."""
    failed = sum(bool(picture.error) for picture in pictures)
    stored = sum(picture.cached and not picture.error for picture in pictures)
    fresh = [picture.seconds for picture in pictures if not picture.cached and not picture.error]
    parts = []
    if fresh:
        parts.append(f"{len(fresh)} drawn in {sum(fresh):.1f} s")
    if stored:
        parts.append(f"{stored} from the store")
    if failed:
        parts.append(f"{failed} not drawn")
    lines = [" · ".join(parts), *sweep.notes]
    return "".join(
        f'<p style="margin:4px 0 0;font-size:12px;line-height:1.4;{QUIET}">{escape(line)}</p>'
        for line in lines
    )
