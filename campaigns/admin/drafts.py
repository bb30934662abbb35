"""A draft between its form and the service: what was typed, what is refused, what keeps it from starting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns.actions.wording import may_hold_links, says_how_to_refuse
from campaigns.admin.forms import BaseStepFormSet, CampaignForm, show_problems
from campaigns.admin.words import rule_words, step_words, trigger_words
from campaigns.models import Campaign
from campaigns.selectors.documents import edition_of
from campaigns.services.lifecycle import ChangedMeanwhile
from core.errors import DomainError, FieldProblem
from members.models import Channel, Purpose

PARTS = (
    (_("When"), ("trigger", "starts_at", "ends_at")),
    (_("Who"), ("audience", "exclusion")),
    (_("What"), ("steps",)),
    (_("Within"), ("control_share", "attribution_days", "re_entry")),
)
"""The four parts and which paths of problems belong to each; the rest stands above them."""


def saved(form: CampaignForm, steps: BaseStepFormSet, save: Callable[[dict[str, Any]], Campaign]) -> Campaign | None:
    """This function will hand what was typed to the service, or show what it refuses at the inputs."""
    if not (form.is_valid() & steps.is_valid()):
        return None
    document = {**form.document(), "steps": [step.step() for step in steps.kept()]}
    try:
        return save(document)
    except ChangedMeanwhile as error:
        form.look_again(_said_meanwhile(error.now), edition_of(error.now))
        return None
    except DomainError as error:
        show_problems(form, steps, error)
        return None


def _said_meanwhile(now: Campaign) -> str:
    """What stands there, so that the two can be put together by who reads it."""
    version = now.version
    assert version is not None, "a campaign is made with its first version"
    said = {
        "name": now.name,
        "when": trigger_words(version.trigger),
        "who": rule_words(version.audience),
        "what": "; ".join(step_words(version.steps)),
    }
    found = gettext("While you were editing, somebody saved it as “%(name)s”. When: %(when)s. Who: %(who)s. What: %(what)s.")
    return f"{found % said} {gettext('What stands here is yours: save again to put it in the place of that.')}"


def warned(request: HttpRequest, campaign: Campaign) -> None:
    """This function will say what may stand but is hardly meant: advertising by SMS that does not say how to refuse it, and
    clicks to be told of where there is nothing to click."""
    steps = list(_all_steps(campaign.version.steps)) if campaign.version is not None else []
    if any(step.get("track") and not may_hold_links(str(step.get("body", ""))) for step in steps):
        messages.warning(request, gettext("A message of this campaign is to tell who clicks, and has no link to click."))
    if any(_keeps_refusing_secret(step) for step in steps):
        words = gettext("An SMS of this campaign does not say how to refuse further ones: end it with %(words)s or a link.")
        messages.warning(request, words % {"words": "拒收请回复R"})


def _all_steps(steps: Any) -> Iterator[Mapping[str, Any]]:
    """Steps stand within others, too, in ways that are each kind's own."""
    for each in steps if isinstance(steps, list) else steps.values():
        if isinstance(each, dict):
            yield each
        if isinstance(each, dict | list):
            yield from _all_steps(each)


def _keeps_refusing_secret(step: Mapping[str, Any]) -> bool:
    advertises = step.get("kind") == "send_message" and step.get("purpose", Purpose.MARKETING) == Purpose.MARKETING
    return advertises and step.get("channel") == Channel.SMS and not says_how_to_refuse(str(step.get("body", "")))


def offered(request: HttpRequest) -> dict[str, Any]:
    """A segment's page offers to make a campaign of it: ?segment=…"""
    slug = request.GET.get("segment", "")
    return {"audience": {"in_segment": slug}} if slug else {}


def instants(campaign: Campaign) -> dict[str, Any]:
    return {"starts_at": campaign.starts_at, "ends_at": campaign.ends_at}


def checklist(problems: list[FieldProblem]) -> list[tuple[Any, list[str]]]:
    """This function will list the four parts, each with what is wrong with it."""
    return [
        (part, [str(each.message) for each in problems if each.path.split(".")[0].split("[")[0] in paths])
        for part, paths in PARTS
    ]


def obstacles(problems: list[FieldProblem]) -> list[str]:
    return [str(problem.message) for problem in problems]
