"""Drawings: round numbers, no markup from names, gaps where values are missing."""

from __future__ import annotations

import re

import pytest

from retention.reports.charts import Bars, Chart, Flow, Funnel, Intervals, Lines, Scatter, Series, Stacked
from retention.reports.drawing import nice_ticks
from retention.reports.svg import draw
from retention.reports.words import Unit

XSS = "<script>alert(1)</script>"


class TestTicks:
    @pytest.mark.parametrize(
        ("low", "high", "count", "ticks"),
        [
            (0, 0.15, 4, [0, 0.05, 0.1, 0.15]),
            (0, 100, 4, [0, 25, 50, 75, 100]),
            (0, 7, 4, [0, 2, 4, 6, 8]),
            (-0.05, 0.07, 4, [-0.05, 0, 0.05, 0.1]),
            (3, 3, 4, [3, 4]),
        ],
    )
    def test_are_round_and_reach_past_both_ends(self, low: float, high: float, count: int, ticks: list[float]) -> None:
        assert nice_ticks(low, high, count) == pytest.approx(ticks)


class TestDrawings:
    @pytest.mark.parametrize(
        "chart",
        [
            Lines(XSS, [XSS, "b", "c"], [Series(XSS, [0.1, None, 0.3], [0.0, None, 0.2], [0.2, None, 0.4])], Unit.SHARE),
            Lines(XSS, (), [Series(XSS, [1.0, 0.5])], Unit.SHARE, x=[0, 90], steps=True),
            Bars(XSS, [XSS, "b"], [Series(XSS, [1, None]), Series("x", [3, -2], [2, -3], [4, -1])], figure="x"),
            Stacked(XSS, [XSS, "b"], [Series(XSS, [1, 0]), Series("x", [3, 0])], whole=True),
            Funnel(XSS, [XSS, "b"], [10, 0]),
            Flow(XSS, [XSS, "2"], [(0, XSS, "b", 3), (0, XSS, None, 1), (1, "b", None, 3)]),
            Scatter(XSS, [(0.1, 0.2), (0.5, 0.4)], [XSS, "b"], [1, 5], diagonal=True),
            Intervals(XSS, [XSS, "b"], [0.1, None], [0.0, None], [0.2, None]),
        ],
        ids=lambda chart: type(chart).__name__,
    )
    def test_let_no_name_speak_as_markup_and_draw_no_number_that_is_none(self, chart: Chart) -> None:
        drawn = draw(chart, target=0.2)
        assert "<script" not in drawn
        assert "nan" not in drawn
        assert drawn.count('<svg class="rk-svg"') == 2

    @pytest.mark.parametrize(
        "chart", [Lines("a"), Bars("a"), Stacked("a"), Funnel("a"), Flow("a"), Scatter("a"), Intervals("a")]
    )
    def test_of_nothing_are_empty_frames(self, chart: Chart) -> None:
        assert draw(chart).startswith("<figure")

    def test_break_a_line_where_a_value_is_missing(self) -> None:
        drawn = draw(Lines("a", list("abcd"), [Series("s", [1, 2, None, 3])]))
        assert drawn.count("<polyline") == 4

    def test_draw_a_target_as_a_line(self) -> None:
        assert "target 20%" in draw(Lines("a", ["x"], [Series("s", [0.1])], Unit.SHARE), target=0.2).replace("20.0%", "20%")

    def test_of_a_flow_keep_what_leaves_a_step_as_thick_as_what_came(self) -> None:
        """Of eight at the first step three end there; the five that go on arrive with others from elsewhere."""
        moves = [(0, "a", "c", 5), (0, "a", None, 3), (0, "b", "c", 2), (1, "c", None, 7)]
        wide = draw(Flow("a", ["1", "2"], moves)).split("rk-narrow-only")[0]
        heights = [float(each) for each in re.findall(r'class="rk-fill[^>]* height="([0-9.]+)"', wide)]
        stub = float(re.findall(r'rk-flow-end"[^>]* height="([0-9.]+)"', wide)[0])
        assert heights == pytest.approx([8 * 42, 2 * 42, 7 * 42])
        assert stub == pytest.approx(3 * 42)
        assert [name for name in ("a → c: 5", "b → c: 2", "a: 3 end here") if name in wide] == [
            "a → c: 5", "b → c: 2", "a: 3 end here",
        ]  # fmt: skip
