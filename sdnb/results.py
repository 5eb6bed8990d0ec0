"""`Results`: the labelled set of pictures that a sweep came to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from sdnb import cell, contact_sheet, entry, extras, grid, layout, png
from sdnb.embedder import plain
from sdnb.errors import RequestError, StoreError
from sdnb.picture import CHUNKS, Picture, counted
from sdnb.settings import current
from sdnb.spec import ImageSpec
from sdnb.sweep import Axis, Sweep
from sdnb.trajectory import Trajectory

if TYPE_CHECKING:
    from pandas import DataFrame
    from PIL.Image import Image

__all__ = ["Results", "file", "stem"]


class Results(Sequence[Picture]):
    """The pictures of a sweep, in row-major order: the first axis varies slowest.

    It holds no pixels but those of pictures that were not kept in the store. In a notebook it shows
    itself as a grid; see `sdnb.grid` for how.

    Parameters
    ----------
    sweep : Sweep
        The specs and the axes they lie along.
    pictures : sequence of Picture
        One for each spec, in the same order. One that was not drawn has its ``error`` set.
    grid_kb : int, optional
        Most text that the images in the notebook's grid may take, in 10^3 bytes; ``Sdnb.grid_kb``
        unless told.

    Raises
    ------
    RequestError
        There is not one picture for each spec.
    """

    def __init__(self, sweep: Sweep, pictures: Sequence[Picture], *, grid_kb: int | None = None) -> None:
        if len(pictures) != len(sweep.specs):
            raise RequestError(f"a sweep of {len(sweep.specs)} was given {len(pictures)} pictures")
        self.sweep = sweep
        self._pictures = tuple(pictures)
        self._grid_kb = grid_kb if grid_kb is not None else current().grid_kb

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What varies; none for a single picture."""
        return self.sweep.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.sweep.shape

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self._pictures)

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Picture, ...]: ...
    def __getitem__(self, index: int | slice) -> Picture | tuple[Picture, ...]:
        return self._pictures[index]

    def sel(self, **values: Any) -> Results:
        """Return the pictures at some values of some axes; nothing is drawn.

        Parameters
        ----------
        **values
            By axis: one value (the axis goes away) or a list of values (it stays, with these).

        Raises
        ------
        RequestError
            There is no such axis, or no such value on it.
        """
        sweep, indices = self.sweep.select(**values)
        return Results(sweep, [self._pictures[i] for i in indices], grid_kb=self._grid_kb)

    def grid(self, rows: str | None = None, cols: str | None = None) -> Results:
        """Return the same pictures laid out otherwise; nothing is drawn.

        Parameters
        ----------
        rows, cols : str, optional
            Names of the axes to go down and across (``steps``, ``guidance`` and ``negative`` will do
            for their long names); what is not named is taken from the last axes, and the others part
            the grid into labelled sub-grids.

        Raises
        ------
        RequestError
            A name is no axis, or both are the same.
        """
        layout.lay_out(self.axes, rows, cols)
        named = [layout.find(self.axes, name).names[0] if name is not None else None for name in (rows, cols)]
        request = replace(self.sweep.request, rows=named[0], cols=named[1])
        return Results(replace(self.sweep, request=request), self._pictures, grid_kb=self._grid_kb)

    def to_cell(self) -> str:
        """Write the ``%%diffuse`` cell that draws these pictures."""
        return cell.write(self.sweep)

    def to_frame(self) -> DataFrame:
        """Return a table with one row a picture: its settings, how it came to be, where it lies.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        extras.require("pandas", "to_frame()")
        import pandas as pd

        settings = [field.name for field in fields(ImageSpec)]
        told = ["seconds", "cached", "notes", "error", "path", "digest"]
        table = [
            [getattr(picture.spec, name) for name in settings]
            + [
                picture.seconds,
                picture.cached,
                "; ".join(picture.notes),
                picture.error,
                str(picture.path) if picture.path is not None else None,
                picture.spec.digest,
            ]
            for picture in self
        ]
        return pd.DataFrame(table, columns=settings + told)

    def trajectory(self) -> Trajectory:
        """Return how the pictures came out of noise, as strips; nothing is drawn.

        Raises
        ------
        RequestError
            They were not drawn with ``diffuse(…, trajectory=True)``.
        """
        return Trajectory(self.sweep, self._pictures)

    def contact_sheet(self, *, tile: int | None = None, font: str | None = None) -> Image:
        """Draw all on one labelled sheet; see `sdnb.contact_sheet.contact_sheet`.

        Parameters
        ----------
        tile : int, optional
            Longer side of a picture on the sheet in pixels, 32 to 2048.
        font : str, optional
            File of a TrueType font, for scripts other than Latin.
        """
        return contact_sheet.contact_sheet(self, self.sweep, tile=tile, font=font)

    def save(self, folder: str | Path, metadata: bool = True) -> list[Path]:
        """Write each drawn picture into a folder as ``0001-seed-7-euler_a-3f2a9c81.png``.

        The parts are the place in the sweep (from 1), the seed, the scheduler and the first eight
        digits of the spec's digest. A file of that name that holds other bytes is left alone: the new
        one then ends in ``-2``, ``-3``, …

        Parameters
        ----------
        folder : str or Path
            Made when missing; ``~`` is the home folder.
        metadata : bool
            Whether the settings stay in the files (the web UI's ``parameters`` and our ``sdnb``).

        Returns
        -------
        list of Path
            The files, in order, one for each picture that was drawn.

        Raises
        ------
        StoreError
            The folder cannot be made or written.
        RenderError
            A picture's file is gone from the store or damaged.
        """
        folder = Path(folder).expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return [
                _put(folder, stem(number, picture.spec), file(picture, metadata))
                for number, picture in enumerate(self, 1)
                if not picture.error
            ]
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(f"cannot save into {str(folder)!r}: {reason}; try another folder") from None

    def __repr__(self) -> str:
        """One line that is the same on every machine for the same specs."""
        count = len(self)
        total = counted(count)
        if self.axes:
            total = " × ".join(f"{layout.short(axis)} {len(axis)}" for axis in self.axes) + " = " + total
        if failed := sum(bool(picture.error) for picture in self):
            total += f", {failed} not drawn"
        digests = "\n".join(spec.digest for spec in self.sweep.specs)
        return f"Results: {total}, {hashlib.sha256(digests.encode()).hexdigest()[:12]}"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        html = grid.html(self, self.sweep, kilobytes=self._grid_kb)
        return {"text/plain": repr(self), "text/html": html}


def stem(number: int, spec: ImageSpec) -> str:
    """Return the name of a picture's file, as `Results.save` says, without ``.png``."""
    # A scheduler's name may end in ?key=value, which Windows does not take; the digest stands for it.
    scheduler = re.sub(r"[^a-z0-9_]+", "-", spec.scheduler).strip("-")[:40]
    return f"{number:04}-seed-{spec.seed}-{scheduler}-{spec.digest[:8]}"


def file(picture: Picture, metadata: bool = True) -> bytes:
    """Return the bytes to save: the store's file as it is, or a new one for a picture that was not kept.

    Raises
    ------
    RenderError
        It was not drawn, or its file is gone or damaged.
    """
    if not metadata:
        return plain(picture)
    if picture.pixels is not None or picture.path is None:
        return entry.to_file("", picture.with_(chunks={}), {})
    plain(picture)  # says so if the file is gone or damaged
    return png.without(picture.path.read_bytes(), CHUNKS)


def _put(folder: Path, stem: str, data: bytes) -> Path:
    """Write a file under a name that is free, or that already holds these bytes."""
    number = 1
    while True:
        path = folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        try:
            with path.open("xb") as stream:
                try:
                    stream.write(data)
                    return path
                except OSError:
                    path.unlink()
                    raise
        except FileExistsError:
            if path.is_file() and path.read_bytes() == data:
                return path
            number += 1
