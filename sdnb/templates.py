r"""Alternatives in a prompt: ``{red|blue}`` and ``{colour: red|blue}``.

A prompt is literal but for these. One without a name is the axis ``prompt`` (``prompt2``, …). One
inside another belongs to it: ``{red {fox|cat}|dog}`` is ``red fox``, ``red cat``, ``dog``. The same
name twice is one axis. Braces without ``|`` or without a partner are literal, and so are braces and
bars behind a backslash; of backslashes before them two stand for one, all others for themselves, so
that the web UI's ``\(`` stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, product
from math import prod

from sdnb.errors import RequestError

__all__ = ["MAX_ALTERNATIVES", "Slot", "Template", "escape", "parse"]

MAX_ALTERNATIVES = 10_000
MAX_DEPTH = 50

_TOKEN = re.compile(r"\\*[{}|]|(?:[^{}|\\]|\\+(?![{}|\\]))+")
_NAMED = re.compile(r"\s*([^\W\d]\w*)\s*: ?")
_MARK = re.compile(r"(\\*)([{}|])")
_OPEN_END = re.compile(r"(\\*)([{}|]|\Z)")


@dataclass(frozen=True)
class Slot:
    """A place in a prompt that varies.

    Attributes
    ----------
    axis : str
        Its axis; slots of one name vary together.
    texts : tuple of str
        The alternatives, as they go into the prompt.
    """

    axis: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """A prompt with its alternatives read.

    Attributes
    ----------
    parts : tuple of str or Slot
        Literal texts and slots, in order.
    """

    parts: tuple[str | Slot, ...]

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """The axes in order of appearance, with their alternatives as text.

        Linked slots with different texts are shown as ``red / rouge``.
        """
        slots: dict[str, list[Slot]] = {}
        for part in self.parts:
            if isinstance(part, Slot):
                slots.setdefault(part.axis, []).append(part)
        return {
            name: tuple(
                " / ".join(dict.fromkeys(texts)) for texts in zip(*(s.texts for s in linked), strict=True)
            )
            for name, linked in slots.items()
        }

    def fill(self, /, **choice: int) -> str:
        """Return the prompt with the alternative at the given position chosen on each axis.

        Examples
        --------
        >>> parse("a {colour: red|blue} fox").fill(colour=1)
        'a blue fox'
        """
        return "".join(p if isinstance(p, str) else p.texts[choice[p.axis]] for p in self.parts)

    def narrow(self, axis: str, positions: Sequence[int]) -> Template:
        """Return the template with only some alternatives of an axis; a single one becomes literal."""
        parts: list[str | Slot] = []
        for part in self.parts:
            if isinstance(part, Slot) and part.axis == axis:
                texts = tuple(part.texts[position] for position in positions)
                part = texts[0] if len(texts) == 1 else replace(part, texts=texts)
            _append(parts, part)
        return Template(tuple(parts))

    @property
    def source(self) -> str:
        r"""The text that `parse` reads as a template with the same axes and prompts.

        Examples
        --------
        >>> parse("{a|b} {c|d}").narrow("prompt", [0]).source
        'a {prompt2: c|d}'
        """
        if not self.axes:
            return escape(self.fill())
        texts = []
        for number, part in enumerate(self.parts, 1):
            if isinstance(part, Slot):
                texts.append(f"{{{part.axis}: " + "|".join(map(_escape_all, part.texts)) + "}")
            else:
                texts.append(_escape_marks(part) if number == len(self.parts) else _escape_all(part))
        return "".join(texts)


def escape(text: str) -> str:
    r"""Write a literal prompt so that `parse` gives it back; as it is, where nothing needs a backslash.

    Examples
    --------
    >>> print(escape("{a|b}"), escape("[a|b] {c}"))
    \{a\|b\} [a|b] {c}
    """
    try:
        template = parse(text)
    except RequestError:
        pass
    else:
        if not template.axes and template.fill() == text:
            return text
    return _escape_marks(text)


def _escape_marks(text: str) -> str:
    return _MARK.sub(lambda m: m[1] * 2 + "\\" + m[2], text)


def _escape_all(text: str) -> str:
    """Escape text that syntax follows: backslashes at its end are doubled too."""
    return _OPEN_END.sub(lambda m: m[1] * 2 + ("\\" + m[2] if m[2] else ""), text)


@dataclass(frozen=True)
class _Group:
    alternatives: list[list[str | _Group]]
    depth: int


def parse(text: str) -> Template:
    r"""Read a prompt.

    Raises
    ------
    RequestError
        A name is used twice with different numbers of alternatives or inside another alternative,
        or there are too many alternatives.

    Examples
    --------
    >>> parse("{red|blue} {animal: fox|cat|} on {the} moon").axes
    {'prompt': ('red', 'blue'), 'animal': ('fox', 'cat', '')}
    >>> parse(r"\{a|b\}").fill()
    '{a|b}'
    """
    nodes = _nodes(text)
    named: list[tuple[str, _Group] | str] = []
    taken: set[str] = set()
    for node in nodes:
        if isinstance(node, str):
            named.append(node)
        else:
            name = _take_name(node)
            taken.add(name)
            named.append((name, node))
    fresh = (name for name in ("prompt" if n == 1 else f"prompt{n}" for n in count(1)) if name not in taken)
    parts: list[str | Slot] = []
    lengths: dict[str, int] = {}
    for item in named:
        if isinstance(item, str):
            _append(parts, item)
            continue
        name, group = item
        if (number := _count(group)) > MAX_ALTERNATIVES:
            raise RequestError(
                f"{number} alternatives in one brace are too many; the most is {MAX_ALTERNATIVES}"
            )
        slot = Slot(name or next(fresh), tuple(_texts(group)))
        if lengths.setdefault(slot.axis, number) != number:
            raise RequestError(
                f"{{{slot.axis}: …}} stands twice in the prompt, with {lengths[slot.axis]} and with {number} "
                "alternatives; the same name needs the same number"
            )
        parts.append(slot)
    return Template(tuple(parts))


def _append(parts: list[str | Slot], part: str | Slot) -> None:
    """Add a part; a literal one goes on where a literal one ends."""
    if isinstance(part, str) and parts and isinstance(parts[-1], str):
        parts[-1] += part
    else:
        parts.append(part)


def _nodes(text: str) -> list[str | _Group]:
    stack: list[list[list[str | _Group]]] = [[[]]]
    for found in _TOKEN.finditer(text):
        token = found.group()
        here = stack[-1][-1]
        if token[-1] not in "{}|":
            here.append(token)
            continue
        slashes, mark = len(token) - 1, token[-1]
        if slashes // 2:
            here.append("\\" * (slashes // 2))
        if slashes % 2 or (mark != "{" and len(stack) == 1):
            here.append(mark)
        elif mark == "{":
            stack.append([[]])
        elif mark == "|":
            stack[-1].append([])
        else:
            inside = stack.pop()
            stack[-1][-1].extend(_literal(inside, "}") if len(inside) == 1 else [_group(inside)])
    while len(stack) > 1:
        inside = stack.pop()
        stack[-1][-1].extend(_literal(inside, ""))
    return stack[0][0]


def _literal(alternatives: list[list[str | _Group]], end: str) -> list[str | _Group]:
    nodes: list[str | _Group] = []
    for index, alternative in enumerate(alternatives):
        nodes += ["|" if index else "{", *alternative]
    return [*nodes, end]


def _group(alternatives: list[list[str | _Group]]) -> _Group:
    depth = 1 + max((n.depth for nodes in alternatives for n in nodes if isinstance(n, _Group)), default=0)
    if depth > MAX_DEPTH:
        raise RequestError(f"the alternatives in the prompt nest more than {MAX_DEPTH} deep")
    return _Group(alternatives, depth)


def _take_name(group: _Group) -> str:
    """Take ``name:`` off the front of a group and return it, or an empty text."""
    first = group.alternatives[0]
    if first and isinstance(first[0], str) and (found := _NAMED.match(first[0])):
        first[0] = first[0][found.end() :]
        return found[1]
    return ""


def _count(group: _Group) -> int:
    return sum(prod(_count(n) for n in nodes if isinstance(n, _Group)) for nodes in group.alternatives)


def _texts(group: _Group) -> list[str]:
    texts: list[str] = []
    for nodes in group.alternatives:
        choices = []
        for node in nodes:
            if isinstance(node, _Group) and (name := _take_name(node)):
                raise RequestError(
                    f"{{{name}: …}} stands inside another alternative; take its name away or move it out"
                )
            choices.append([node] if isinstance(node, str) else _texts(node))
        texts.extend("".join(choice) for choice in product(*choices))
    return texts
