"""How pictures come out of noise: what the model took each to be at every one of its calls, as a strip.

A strip for each picture, one under the other and in step by noise level: a column is a level, and every
row shows the call that read the level nearest to it. A call that stands for several columns is as wide
as they are, so that long and short steps can be seen. The frames are real pictures, the predicted x0
decoded by the VAE and kept with the picture; a decode costs about as much as a call or two.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from html import escape
from itertools import groupby

from sdnb.embedder import Embedder
from sdnb.errors import RequestError
from sdnb.frame import QUIET, ROW, framed
from sdnb.layout import heading
from sdnb.picture import Frame, Picture
from sdnb.settings import current
from sdnb.sweep import Sweep

__all__ = ["COLUMNS", "Trajectory", "in_step"]

#: Most columns; of longer runs so many levels, evenly taken, are shown.
COLUMNS = 40
_TILES = ((6, 128), (12, 104))
_SMALLEST_TILE = 88
_CELL = "padding:3px;border:0;vertical-align:top;text-align:left;font-weight:normal;font-size:11px"


class Trajectory:
    """The way of each picture of a sweep; in a notebook strips under each other.

    Parameters
    ----------
    sweep : Sweep
    pictures : sequence of Picture
        One for each spec, drawn with their frames; those that failed are left out.

    Raises
    ------
    RequestError
        A picture was drawn without its frames.
    """

    def __init__(self, sweep: Sweep, pictures: Sequence[Picture]) -> None:
        if any(not picture.error and not picture.frames for picture in pictures):
            raise RequestError(
                "these pictures were drawn without their way; draw them with --trajectory, "
                "in Python diffuse(…, trajectory=True)"
            )
        self.sweep = sweep
        self.pictures = tuple(pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Frame, ...]:
        """Return the frames of one picture, first call first."""
        return self.pictures[index].frames

    def __repr__(self) -> str:
        """One line that is the same on every machine for the same specs."""
        count = len(self)
        digests = "\n".join(spec.digest for spec in self.sweep.specs)
        said = hashlib.sha256(digests.encode()).hexdigest()[:12]
        return f"Trajectory: {count} picture{'s' * (count != 1)}, {said}"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": framed(self._strips(current().grid_kb))}

    def _strips(self, kilobytes: int) -> str:
        ways = [picture.frames for picture in self.pictures]
        longest = max(ways, key=lambda way: len({frame.noise for frame in way}))
        levels = _thinned([frame.noise for frame in longest])
        tile = next((side for most, side in _TILES if len(levels) <= most), _SMALLEST_TILE)
        shown = [in_step([frame.noise for frame in way], levels) if way else [] for way in ways]
        runs = [[(at, len(list(same))) for at, same in groupby(row)] for row in shown]
        drawn = sum(len(row) + 1 for row in runs)
        embedder = Embedder(kilobytes * 1000 // max(drawn, 1))
        heads = "".join(f'<th scope="col" style="{_CELL};{QUIET}">{_level(x)}</th>' for x in levels)
        heads += f'<th scope="col" style="{_CELL};{QUIET}">picture</th>'
        body = ""
        for number, (picture, way, row) in enumerate(zip(self.pictures, ways, runs, strict=True)):
            body += f'{ROW}<th scope="row" style="{_CELL}">{escape(self._label(number))}</th>'
            if picture.error:
                body += (
                    f'<td colspan="{len(levels) + 1}" style="{_CELL}">not drawn: {escape(picture.error)}</td>'
                )
            for at, width in row:
                said = f"call {at + 1}" + (f" · {_level(way[at].noise)}" if len(ways) > 1 else "")
                tiny = Picture(spec=picture.spec, pixels=way[at].image)
                body += _tile(embedder.url(tiny), said, tile, width)
            if not picture.error:
                body += _tile(embedder.url(picture), "", tile, 1)
            body += "</tr>"
        style = "border-collapse:separate;border-spacing:0;margin:0;border:0"
        corner = f'<th style="{_CELL};{QUIET};white-space:nowrap">noise level →</th>'
        return (
            f'<section style="overflow:auto;max-height:720px"><table class="sdnb-table" style="{style}">'
            f"<thead>{ROW}{corner}{heads}</tr></thead><tbody>{body}</tbody></table></section>"
            f'<p style="margin:4px 0 0;font-size:12px;line-height:1.4;{QUIET}">'
            f"{escape(self._footer(len(levels), max(map(len, ways))))}</p>"
        )

    def _label(self, index: int) -> str:
        places = []
        for axis in reversed(self.sweep.axes):
            index, position = divmod(index, len(axis))
            places.append(heading(axis, position))
        return " · ".join(reversed(places)) or self.pictures[0].spec.scheduler

    def _footer(self, columns: int, calls: int) -> str:
        said = (
            "What the model takes the picture to be at each of its calls, by the noise level sigma it reads."
        )
        if columns < calls:
            said += f" Of at most {calls} calls {columns} levels are shown, of calls at one level the last."
        return " ".join([said, *self.sweep.notes])


def in_step(noises: Sequence[float], levels: Sequence[float]) -> list[int]:
    """Return for each level the call whose noise is nearest to it, in its logarithm; calls never go back.

    Examples
    --------
    >>> in_step([10.0, 3.0, 1.0], [10.0, 5.0, 3.0, 2.0, 1.0])
    [0, 1, 1, 1, 2]
    """
    logs = [math.log(max(noise, 1e-9)) for noise in noises]
    found: list[int] = []
    for level in levels:
        first = found[-1] if found else 0
        wanted = math.log(max(level, 1e-9))
        # of two calls at the same level, as Heun makes, the later one
        found.append(min(range(first, len(logs)), key=lambda at: (round(abs(logs[at] - wanted), 6), -at)))
    return found


def _thinned(noises: Sequence[float]) -> list[float]:
    """Return the levels, each once, and at most `COLUMNS` of them with both ends."""
    levels = list(dict.fromkeys(noises))
    if len(levels) <= COLUMNS:
        return levels
    return [levels[round(i * (len(levels) - 1) / (COLUMNS - 1))] for i in range(COLUMNS)]


def _level(noise: float) -> str:
    return f"σ {noise:.3g}"


def _tile(source: str, said: str, side: int, columns: int) -> str:
    line = "display:block;white-space:nowrap;border-top:2px solid;margin-top:2px;padding-top:1px;opacity:.65"
    caption = f'<span style="{line}">{escape(said)}</span>' if said else ""
    alt = escape(said or "the finished picture")
    return (
        f'<td colspan="{columns}" style="{_CELL}"><img src="{source}" alt="{alt}" width="{side}" '
        f'style="display:block;width:{side}px;max-width:none;height:auto;margin:0;border-radius:3px">{caption}</td>'
    )
