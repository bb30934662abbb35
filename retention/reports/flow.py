"""A flow: columns of what was done first, second, third, and bands as thick as there are sessions that went on so.

A node is told by the words beside it, never by its colour alone. What ends in a column leaves its node as a grey stub.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from retention.reports import words
from retention.reports.charts import Flow
from retention.reports.drawing import LETTER, PALETTE, WIDE, cut, joined, letters, px

THICK = 12.0
"""Width of a node in pixels."""
APART, LEAST = 16.0, 3.0
"""Pixels between two nodes of a column, which hold a line of text where nodes are thin; the least height of a node."""
HEAD = 26.0
SMALL = 5.9
"""Pixels of a letter in words, in which narrow ones are frequent."""
STUB = 16.0
NARROW_COLUMNS = 3
"""Columns that fit a phone; the table tells the others."""


@dataclass(slots=True)
class _Node:
    """A step in a column: where it stands, and how much of each side the bands have taken up."""

    sessions: int
    top: float = 0.0
    tall: float = 0.0
    taken_in: float = 0.0
    taken_out: float = 0.0


def flow(chart: Flow, width: int, target: float | None) -> tuple[float, SafeString]:
    """This function will draw the columns from left to right, the fullest step of each on top."""
    shown = len(chart.columns) if width >= WIDE else min(NARROW_COLUMNS, len(chart.columns))
    moves = [move for move in chart.moves if move[0] < shown]
    if not moves:
        return HEAD, joined([])
    columns = _columns(moves, shown)
    height = _place(columns, room=(420.0 if width >= WIDE else 360.0))
    colours = _colours(chart)
    stride = width / shown
    parts = [_heading(str(label), place * stride) for place, label in enumerate(chart.columns[:shown])]
    parts += _bands(moves, columns, colours, stride)
    for place, column in enumerate(columns):
        parts += [_node(name, node, column, colours, place * stride, stride) for name, node in column.items()]
    return height, joined(parts)


def _columns(moves: Sequence[tuple[int, str, str | None, int]], shown: int) -> list[dict[str, _Node]]:
    found: list[dict[str, int]] = [{} for _each in range(shown)]
    for place, name, _following, sessions in moves:
        found[place][name] = found[place].get(name, 0) + sessions
    return [
        {name: _Node(sessions) for name, sessions in sorted(column.items(), key=lambda each: (-each[1], each[0]))}
        for column in found
    ]


def _place(columns: list[dict[str, _Node]], *, room: float) -> float:
    """One scale for all columns: bands keep their thickness from left to right. Returns the height of the drawing."""
    most = max(sum(node.sessions for node in column.values()) for column in columns)
    scale = room / most
    bottom = HEAD
    for column in columns:
        at = HEAD
        for node in column.values():
            node.top, node.tall = at, max(LEAST, node.sessions * scale)
            at += node.tall + APART
        bottom = max(bottom, at)
    return bottom


def _colours(chart: Flow) -> Mapping[str, str]:
    """A step has one colour in all columns and at any width; the fullest steps come first, the rest of them is grey."""
    sums: dict[str, int] = {}
    for _place_of, name, _following, sessions in chart.moves:
        if name != chart.rest:
            sums[name] = sums.get(name, 0) + sessions
    ordered = sorted(sums, key=lambda name: (-sums[name], name))
    told = {name: f"rk-{PALETTE[place % len(PALETTE)]}" for place, name in enumerate(ordered)}
    return {**told, chart.rest: "rk-grey"}


def _bands(
    moves: Sequence[tuple[int, str, str | None, int]],
    columns: list[dict[str, _Node]],
    colours: Mapping[str, str],
    stride: float,
) -> list[SafeString]:
    """In the order of the nodes on both sides, so that bands of one node do not cross each other; what ends comes last."""
    order = [{name: place for place, name in enumerate(column)} for column in columns]

    def where(move: tuple[int, str, str | None, int]) -> tuple[int, int, int]:
        place, name, following, _sessions = move
        after = order[place + 1] if place + 1 < len(columns) else {}
        return place, order[place][name], after.get(following or "", len(after))

    parts = []
    for place, name, following, sessions in sorted(moves, key=where):
        if place + 1 == len(columns):
            continue
        node = columns[place][name]
        thick = node.tall * sessions / node.sessions
        begins, left = node.top + node.taken_out, place * stride + THICK
        node.taken_out += thick
        if following is None:
            said = gettext("%(step)s: %(sessions)s end here") % {"step": name, "sessions": words.number(sessions)}
            stub = '<rect class="rk-flow-end" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
            parts.append(format_html(stub, px(left), px(begins), px(STUB), px(thick), said))
            continue
        other = columns[place + 1][following]
        ends, thin = other.top + other.taken_in, other.tall * sessions / other.sessions
        other.taken_in += thin
        right = (place + 1) * stride
        middle = (left + right) / 2
        said = f"{name} → {following}: {words.number(sessions)}"
        drawn = "M{1} {3}C{2} {3} {2} {5} {4} {5}V{6}C{2} {6} {2} {7} {1} {7}Z"
        band = f'<path class="rk-flow-band {{0}}" d="{drawn}"><title>{{8}}</title></path>'
        spots = (left, middle, begins, right, ends, ends + thin, begins + thick)
        parts.append(format_html(band, colours[name], *map(px, spots), said))
    return parts


def _node(
    name: str, node: _Node, column: Mapping[str, _Node], colours: Mapping[str, str], left: float, stride: float
) -> SafeString:
    share = words.percent(node.sessions / sum(each.sessions for each in column.values()))
    said = f"{name} {share}"
    room = (stride - THICK - 10) * LETTER / SMALL - LETTER * (letters(share) + 1)
    short = f"{cut(name, room)} {share}"
    return format_html(
        '<rect class="rk-fill {}" x="{}" y="{}" width="{}" height="{}" rx="1.5"><title>{}: {}</title></rect>'
        '<text class="rk-axis rk-strong rk-flow-label" x="{}" y="{}">{}<title>{}</title></text>',
        colours[name],
        px(left),
        px(node.top),
        px(THICK),
        px(node.tall),
        said,
        words.number(node.sessions),
        px(left + THICK + 5),
        px(node.top + max(node.tall / 2 + 4, 10)),
        short,
        said,
    )


def _heading(label: str, left: float) -> SafeString:
    return format_html('<text class="rk-axis" x="{}" y="14">{}</text>', px(left), label)
