"""A small shop, and people who may see different parts of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.test import Client

from campaigns.models import Campaign, CouponTemplate
from campaigns.services.lifecycle import activate, create_campaign
from campaigns.services.running import run_campaigns
from core.services.clock import ensure_entries
from core.services.keys import create_api_key
from members.models import Member
from retention.models import Segment
from retention.services.refresh import refresh
from retention.services.scoring import fit_models
from retention.services.segments import create_segment
from tests.campaign_factories import document, make_reachable, make_template
from tests.factories import NOW, make_order

XSS = "<script>alert(1)</script>"


@dataclass(frozen=True)
class World:
    members: list[Member]
    segment: Segment
    template: CouponTemplate
    draft: Campaign
    running: Campaign


def make_world(members: int = 3) -> World:
    """This function will make members with orders, a segment, a coupon, a draft and a campaign that has fired."""
    people = [make_reachable(name=f"{XSS} {number}") for number in range(members)]
    for number, member in enumerate(people):
        for order in range(3):
            make_order(member, placed_at=NOW - timedelta(days=40 * order + number), total_minor=5_000 + 100 * number)
    refresh(as_of=NOW)
    fit_models(as_of=NOW, now=NOW)
    segment = create_segment(
        slug="buyers", name=f"Buyers {XSS}", rule={"field": "order_count", "operator": ">=", "value": 1}, now=NOW
    )
    refresh(as_of=NOW, full=True)
    template = make_template("back")
    steps = [
        {"kind": "issue_coupon", "template": "back"},
        {"kind": "send_message", "channel": "sms", "body": "{{ member.name }}: {{ coupon.code }}"},
    ]
    running = create_campaign(document=document(name=f"Back {XSS}", steps=steps), now=NOW)
    activate(campaign_id=running.pk, now=NOW)
    draft = create_campaign(document=document(name="Draft", steps=steps, audience={"in_segment": "buyers"}), now=NOW)
    run_campaigns(now=NOW)
    ensure_entries(now=NOW)
    create_api_key(name="till", scopes=["members:read"], now=NOW)
    return World(people, segment, template, draft, Campaign.objects.get(pk=running.pk))


def grow(members: int = 30) -> None:
    """This function will add members who order, are in the segment, and get a campaign of their own."""
    for _number in range(members):
        make_order(make_reachable(name="many"))
    refresh(as_of=NOW, full=True)
    steps = [{"kind": "issue_coupon", "template": "back"}, {"kind": "send_message", "channel": "sms", "body": "hello"}]
    activate(campaign_id=create_campaign(document=document(steps=steps), now=NOW).pk, now=NOW)
    run_campaigns(now=NOW)


@pytest.fixture(autouse=True)
def _stand_still() -> Iterator[None]:
    """Screens read the clock: here it stands at the instant at which everything was made."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def world(db: None) -> World:
    return make_world()


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def clerk(db: None) -> Client:
    """A member of staff without any permission."""
    return staff()


def staff(*permissions: str) -> Client:
    """This function will log in a member of staff who has these permissions alone."""
    user = User.objects.create_user(f"clerk{User.objects.count()}", is_staff=True)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client()
    client.force_login(user)
    return client


def text_of(response: Any) -> str:
    return str(response.content.decode())
