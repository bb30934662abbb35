"""CDNOW, the data set of the literature: customers who first bought in the first quarter of 1997, and all their orders.

Read from the package `lifetimes`, which the tests use as their oracle too.
"""

from __future__ import annotations

import warnings
from importlib.resources import files

import numpy as np
import pandas as pd

from core.periods import day_of
from members.models import Member, Order
from tests.factories import NOW, default_shop, shop_time

with warnings.catch_warnings():  # it sets an option that pandas is giving up
    warnings.simplefilter("ignore")
    import lifetimes
    from lifetimes.datasets import load_cdnow_summary, load_cdnow_summary_data_with_monetary_value

__all__ = ["lifetimes", "load_cdnow_summary", "load_cdnow_summary_data_with_monetary_value", "load_orders", "read_orders"]


def read_orders(name: str = "CDNOW_master.txt") -> pd.DataFrame:
    """This function will read customer, shop day number and amount in cents of every order."""
    text = files("lifetimes").joinpath("datasets", name).read_text()
    rows = [line.split() for line in text.splitlines() if line.strip() and line.split()[-1][0].isdigit()]
    frame = pd.DataFrame([(row[0], row[-3], row[-1]) for row in rows], columns=["customer", "date", "amount"])
    days = pd.to_datetime(frame["date"], format="%Y%m%d").dt.date.map(day_of)
    cents = np.rint(frame["amount"].astype(float) * 100).astype(int)
    return pd.DataFrame({"customer": frame["customer"], "day": days, "cents": cents})


def load_orders(orders: pd.DataFrame) -> None:
    """This function will save the customers as members with their orders, at noon of their days, as ingest would."""
    names = sorted(orders["customer"].unique())
    made = Member.objects.bulk_create([Member(external_id=name, created_at=NOW) for name in names], batch_size=5000)
    ids = {member.external_id: member.pk for member in made}
    noon = {day: shop_time(int(day)) for day in orders["day"].unique()}
    shop = default_shop()
    Order.objects.bulk_create(
        [
            Order(
                shop=shop,
                member_id=ids[row.customer],
                external_id=f"c{place}",
                status="completed",
                placed_at=noon[row.day],
                placed_day=row.day,
                placed_hour=12,
                total_minor=row.cents,
            )
            for place, row in enumerate(orders.itertuples(index=False))
        ],
        batch_size=5000,
    )
