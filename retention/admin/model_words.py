"""What a fitted model says of itself, in plain words: the answer first, how good it is, against what it was compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.display import day, money, number, share
from retention.models import ModelKind, ScoringModel
from retention.models.refusals import refusal_sentence
from retention.reports.charts import Bars, Chart, Scatter, Series
from retention.reports.words import Unit
from retention.scoring.calibration import MOVED, STEADY

Text = str | Promise

QUESTIONS: Mapping[str, Text] = {
    ModelKind.CHURN: _("Who will not order again soon?"),
    ModelKind.BG_NBD: _("How often will members order?"),
    ModelKind.GAMMA_GAMMA: _("What is an order worth?"),
    ModelKind.VALUE: _("Who brings how much?"),
    ModelKind.RFM: _("Who is recent, frequent, generous?"),
    ModelKind.RHYTHM: _("How often does one order in this shop?"),
    ModelKind.GROUPS: _("What kinds of customers are there?"),
}
FACTS: Mapping[str, Text] = {
    "days_since_last_order": _("days since the last order"),
    "order_count_90d": _("orders in the last 90 days"),
    "average_order_day_minor": _("mean spend on a day with an order"),
    "order_days_per_90d": _("pace: days with an order per 90 days"),
    "days_between_first_and_last": _("days from the first order to the last"),
}
CHALLENGERS: Mapping[str, Text] = {
    "logistic": _("the model in use (five facts)"),
    "bg_nbd": _("expected purchases alone"),
    "tree": _("a decision tree"),
    "forest": _("a random forest"),
    "boosting": _("gradient boosting"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A model on its page: sentences with the answer first, a picture, tables as (title, heads, rows), folded details."""

    headline: str
    sentences: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[tuple[str, list[str], list[list[Any]]]] = field(default_factory=list)
    details: list[tuple[str, list[str], list[list[Any]]]] = field(default_factory=list)


def shown(model: ScoringModel) -> Shown:
    """This function will put a fit, or its refusal, into words."""
    if model.refusal is not None:
        refused = refusal_sentence(model.refusal, members=model.members)
        return Shown(gettext("Not published. %(why)s") % {"why": refused}, **_tested(model.metrics))
    made = {
        ModelKind.CHURN: _churn,
        ModelKind.BG_NBD: _purchases,
        ModelKind.GAMMA_GAMMA: _spend,
        ModelKind.VALUE: _value,
        ModelKind.RFM: _rfm,
        ModelKind.RHYTHM: _rhythm,
        ModelKind.GROUPS: _groups,
    }[ModelKind(model.kind)]
    return made(model)


def headline(model: ScoringModel) -> str:
    return shown(model).headline


# --- churn


def _churn(model: ScoringModel) -> Shown:
    metrics = model.metrics
    days = {"days": metrics["horizon_days"]}
    said = gettext(
        "Of 100 pairs of a member who stayed away for %(days)s days and one who ordered, it names %(right)s right."
    )
    sentences = [_against_recency(metrics), _top(metrics), _how_true(metrics), _when(metrics), *_drift_words(metrics)]
    told = _tested(metrics)
    weights = model.parameters["weights"]
    details = [
        (
            gettext("What it reads, and how much each counts"),
            [gettext("fact, as a logarithm"), gettext("weight"), gettext("more of it")],
            [
                [FACTS[name], f"{weight:+.3f}", gettext("raises the risk") if weight > 0 else gettext("lowers the risk")]
                for name, weight in weights.items()
            ],
        ),
        *_moved_parameters(metrics),
    ]
    right = {"right": round(100 * metrics["auc"]), **days}
    told["sentences"] = [each for each in sentences if each]
    told["tables"] += _challengers(metrics)
    return Shown(said % right, details=details, **told)


def _tested(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The tenths of a backtest as a picture and its table; nothing where there was none."""
    tenths = metrics.get("calibration", [])
    if not tenths:
        return {"sentences": [], "charts": [], "tables": []}
    picture = Scatter(
        gettext("Predicted against what happened, a point for each tenth of members; on the line both are equal"),
        points=[(each["predicted"], each["actual"]) for each in tenths],
        labels=[gettext("tenth %(place)s") % {"place": place} for place in range(1, len(tenths) + 1)],
        x_label=gettext("predicted"),
        y_label=gettext("happened"),
        x_unit=Unit.SHARE,
        y_unit=Unit.SHARE,
        diagonal=True,
    )
    heads = [gettext("tenth, lowest risk first"), gettext("members"), gettext("predicted"), gettext("happened")]
    rows = [
        [place, number(each["members"]), share(each["predicted"]), share(each["actual"])]
        for place, each in enumerate(tenths, start=1)
    ]
    return {"sentences": [], "charts": [picture], "tables": [(gettext("Tenth by tenth"), heads, rows)]}


def _against_recency(metrics: Mapping[str, Any]) -> str:
    words = gettext("The date of the last order alone names %(recency)s of 100 right; a coin would name 50.")
    return words % {"recency": round(100 * metrics["recency_auc"])}


def _top(metrics: Mapping[str, Any]) -> str:
    if metrics["lift_top_10"] is None:
        return ""
    words = gettext(
        "The tenth of members with the highest risk stayed away %(lift)s times as often as everybody: "
        "%(caught)s of all who did."
    )
    return words % {"lift": f"{metrics['lift_top_10']:.1f}", "caught": share(metrics["caught_top_10"])}


def _how_true(metrics: Mapping[str, Any]) -> str:
    """Why its numbers may be read as percentages, or why not."""
    points = {"points": f"{100 * metrics['furthest']:.1f}"}
    if metrics.get("calibrated"):
        return (
            gettext("In no tenth were predictions off by more than %(points)s points: it may be read as a percentage.")
            % points
        )
    if metrics["horizon_days"] != metrics["wanted_days"]:
        words = gettext(
            "The shop's orders go back %(history)s days, too short for %(wanted)s days ahead: it looks %(days)s days ahead, "
            "and is shown as low, middle or high, not as a percentage."
        )
        return words % {
            "history": metrics["history_days"],
            "wanted": metrics["wanted_days"],
            "days": metrics["horizon_days"],
        }
    if metrics["backtest"] == "members":
        return gettext("It could not be tested on an earlier time yet, so it is shown as low, middle or high.")
    return (
        gettext(
            "In one tenth predictions were off by %(points)s points: it ranks members well, but is shown as low, middle or "
            "high, not as a percentage."
        )
        % points
    )


def _when(metrics: Mapping[str, Any]) -> str:
    window = {name: day(date.fromisoformat(value)) for name, value in metrics["window"].items()}
    numbers = {"members": number(metrics["members"]), "lost": number(metrics["churned"]), **window}
    return (
        gettext(
            "Tested on %(members)s members as they were known on %(known_until)s; until %(observed_until)s %(lost)s of them "
            "had not ordered."
        )
        % numbers
    )


def _challengers(metrics: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    told = metrics.get("challengers", [])
    if not told:
        return []
    rows: list[list[Any]] = [[gettext("days since the last order alone"), f"{metrics['recency_auc']:.3f}", "–"]]
    rows += [
        [CHALLENGERS[each["code"]], f"{each['auc']:.3f}", "–" if each["brier"] is None else f"{each['brier']:.4f}"]
        for each in told
    ]
    heads = [gettext("model"), gettext("pairs named right (AUC)"), gettext("error (Brier)")]
    return [(gettext("What simplicity costs"), heads, rows)]


def _drift_words(metrics: Mapping[str, Any]) -> list[str]:
    moved = metrics.get("drift", {}).get("stability")
    if moved is None:
        return []
    index = {"index": f"{moved:.3f}"}
    if moved < STEADY:
        return [gettext("Its scores are spread as at the fit before (stability index %(index)s).") % index]
    if moved < MOVED:
        return [gettext("Its scores have moved somewhat since the fit before (stability index %(index)s).") % index]
    return [gettext("Its scores are spread very differently than at the fit before (stability index %(index)s).") % index]


def _moved_parameters(metrics: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[Any]]]]:
    moved = metrics.get("drift", {}).get("parameters", {})
    if not moved:
        return []
    heads = [gettext("parameter"), gettext("the fit before"), gettext("this fit")]
    rows = [[_name(name), f"{was:.4g}", f"{now:.4g}"] for name, (was, now) in moved.items()]
    return [(gettext("Since the fit before"), heads, rows)]


def _name(name: str) -> Text:
    return FACTS.get(name.rpartition(".")[2], name)


# --- purchases and what they are worth


def _purchases(model: ScoringModel) -> Shown:
    metrics, errors = model.metrics, model.metrics["standard_errors"]
    heads = [gettext("parameter"), gettext("value"), gettext("standard error")]
    rows = [
        [name, f"{value:.4f}", "–" if errors.get(name) is None else f"± {errors[name]:.4f}"]
        for name, value in model.parameters.items()
    ]
    details = [(gettext("Parameters (times in weeks)"), heads, rows), *_moved_parameters(metrics)]
    if "expected_orders" not in metrics:
        fitted = gettext("Fitted on %(members)s members; the shop is too young for a test on its past.")
        return Shown(fitted % {"members": number(model.members)}, _drift_words(metrics), details=details)
    expected, actual = metrics["expected_orders"], metrics["actual_orders"]
    said = gettext("For the last %(days)s days it would have told %(expected)s days with an order; there were %(actual)s.")
    numbers = {"days": metrics["horizon_days"], "expected": number(round(expected)), "actual": number(round(actual))}
    levels = metrics["by_order_days"]
    labels = [f"{each['order_days']}+" if each["order_days"] == 8 else str(each["order_days"]) for each in levels]
    picture = Bars(
        gettext("Days with an order in the test, for members with so many before: expected and actual"),
        labels=labels,
        series=[
            Series(gettext("expected"), [each["expected"] for each in levels]),
            Series(gettext("actual"), [each["actual"] for each in levels]),
        ],
        unit=Unit.NUMBER,
    )
    table = (
        gettext("By days with an order before"),
        [gettext("days before"), gettext("members"), gettext("expected"), gettext("actual")],
        [
            [label, number(each["members"]), f"{each['expected']:.2f}", f"{each['actual']:.2f}"]
            for label, each in zip(labels, levels, strict=True)
        ],
    )
    return Shown(said % numbers, _drift_words(metrics), [picture], [table], details)


def _spend(model: ScoringModel) -> Shown:
    p, q, v = (float(model.parameters[name]) for name in ("p", "q", "v"))
    said = gettext("A day with an order of a member about whom nothing is known is worth %(money)s.")
    metrics, sentences = model.metrics, []
    if "judged" in metrics:
        words = gettext(
            "In the test it was off by %(error)s a day with an order, the member's own mean by %(own)s "
            "(%(members)s members)."
        )
        sentences = [
            words
            % {
                "error": money(round(metrics["error_minor"])),
                "own": money(round(metrics["own_mean_error_minor"])),
                "members": number(metrics["judged"]),
            }
        ]
    heads = [gettext("parameter"), gettext("value")]
    details = [(gettext("Parameters"), heads, [[name, f"{value:.4f}"] for name, value in model.parameters.items()])]
    details += _moved_parameters(metrics)
    return Shown(said % {"money": money(round(p * v / (q - 1)))}, sentences, details=details)


# --- cut points


def _value(model: ScoringModel) -> Shown:
    said = gettext("The upper fifth of members has brought more than %(high)s each, the lower half up to %(middle)s.")
    high, middle = (money(round(model.parameters[name])) for name in ("high_minor", "middle_minor"))
    return Shown(said % {"high": high, "middle": middle})


def _rfm(model: ScoringModel) -> Shown:
    said = gettext("Cut points that part %(members)s members into fifths by recency, frequency and money.")
    heads = [gettext("score"), *(gettext("%(place)s of 4") % {"place": place} for place in range(1, 5))]
    parameters = model.parameters
    rows = [
        [gettext("days since the last order"), *(number(each) for each in parameters["recency_days"])],
        [gettext("orders"), *(number(each) for each in parameters["order_count"])],
        [gettext("revenue"), *(money(round(each)) for each in parameters["revenue_minor"])],
    ]
    return Shown(said % {"members": number(model.members)}, tables=[(gettext("Cut points"), heads, rows)])


def _rhythm(model: ScoringModel) -> Shown:
    median = round(model.parameters["median_gap_days"])
    said = ngettext(
        "Half of the members who came back order every %(days)s day or more often.",
        "Half of the members who came back order every %(days)s days or more often.",
        median,
    )
    return Shown(said % {"days": median})


def _groups(model: ScoringModel) -> Shown:
    groups = model.metrics["groups"]
    said = ngettext("Members fall into %(count)s group.", "Members fall into %(count)s groups.", len(groups)) % {
        "count": len(groups)
    }
    words = gettext("The largest: %(sentence)s")
    return Shown(said, [words % {"sentence": group_sentence(groups[0])}])


def group_sentence(group: Mapping[str, Any]) -> str:
    """This function will say what the members of a group have in common, by their means."""
    words = gettext(
        "last order %(days)s days ago, %(orders)s days with an order, %(recent)s orders in 90 days, "
        "%(money)s a day with an order"
    )
    return words % {
        "days": number(round(group["days_since_last_order"])),
        "orders": f"{group['order_days']:.1f}",
        "recent": f"{group['order_count_90d']:.1f}",
        "money": money(round(group["average_order_day_minor"])),
    }
