"""Campaigns: drafts to write, moves to make, what became of everyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.serializers import (
    CampaignChangeIn,
    CampaignIn,
    CampaignOut,
    CampaignPutIn,
    CampaignQuery,
    CampaignReportOut,
    EditionIn,
    EnrolmentOut,
    EnrolmentQuery,
)
from campaigns.models import Campaign, Enrolment
from campaigns.reports.results import campaign_report
from campaigns.selectors.documents import document_of
from campaigns.selectors.listings import campaign_called, campaign_listing, enrolment_listing, external_ids
from campaigns.services.lifecycle import (
    activate,
    create_campaign,
    delete_draft,
    finish,
    pause,
    resume,
    update_draft,
)
from core.api.audit import Subject
from core.api.auth import api_key_of
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import NotFound
from core.models import Scope


def campaign_number(values: Mapping[str, Any]) -> int | None:
    """This function will find the campaign an address speaks of, for the audit trail."""
    campaign = campaign_called(values["slug"]) if "slug" in values else None
    return campaign.pk if campaign else None


class CampaignList(ApiView):
    """Campaigns, in the order they were made."""

    scopes = {"GET": Scope.CAMPAIGNS_READ, "POST": Scope.CAMPAIGNS_WRITE}
    audits = Subject(Campaign, campaign_number)
    query_in = CampaignQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="campaigns_list", responses=CampaignOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(campaign_listing(**self.query()), order=("id",), render=CampaignOut)

    @extend_schema(operation_id="campaigns_create", request=CampaignIn, responses={201: CampaignOut})
    def post(self, request: Request) -> Response:
        """Make a draft."""
        campaign = create_campaign(document=request.data, now=timezone.now(), by=api_key_of(request).name)
        return Response(CampaignOut(campaign).data, status=201)


class CampaignDetail(ApiView):
    """One campaign. Only drafts are written; what ran stays."""

    scopes = {
        "GET": Scope.CAMPAIGNS_READ,
        "PUT": Scope.CAMPAIGNS_WRITE,
        "PATCH": Scope.CAMPAIGNS_WRITE,
        "DELETE": Scope.CAMPAIGNS_WRITE,
    }
    audits = Subject(Campaign, campaign_number)

    @extend_schema(operation_id="campaigns_get", responses=CampaignOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(CampaignOut(_campaign(slug)).data)

    @extend_schema(operation_id="campaigns_put", request=CampaignPutIn, responses=CampaignOut)
    def put(self, request: Request, slug: str) -> Response:
        """Put a whole new content into a draft."""
        campaign = _campaign(slug)
        seen, content = self._edition(request)
        return self._change(request, campaign, content, seen)

    @extend_schema(operation_id="campaigns_patch", request=CampaignChangeIn, responses=CampaignOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change some keys of a draft; the others stay."""
        with transaction.atomic():  # what is read and written back must not change in between
            campaign = _campaign(slug, hold=True)
            seen, content = self._edition(request)
            merged = document_of(campaign) | content if isinstance(content, dict) else content
            return self._change(request, campaign, merged, seen)

    @extend_schema(operation_id="campaigns_delete", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a draft."""
        delete_draft(campaign_id=_campaign(slug).pk, by=api_key_of(request).name)
        return Response(status=204)

    def _edition(self, request: Request) -> tuple[str, object]:
        """The edition that was read, and what is to be saved: the edition is no part of a campaign."""
        if not isinstance(request.data, dict) or "edition" not in request.data:
            return "", request.data
        seen = self.parsed(EditionIn)["edition"]
        return seen, {key: value for key, value in request.data.items() if key != "edition"}

    def _change(self, request: Request, campaign: Campaign, document: object, seen: str) -> Response:
        by = api_key_of(request).name
        changed = update_draft(campaign=campaign, document=document, now=timezone.now(), by=by, seen=seen)
        return Response(CampaignOut(changed).data)


class Move(Protocol):
    def __call__(self, *, campaign_id: int, now: Any, by: str) -> Campaign: ...


class CampaignMove(ApiView):
    """One step in a campaign's life. The work it sets off is the next pass's, never the request's."""

    scopes = {"POST": Scope.CAMPAIGNS_WRITE}
    audits = Subject(Campaign, campaign_number)

    def _moved(self, request: Request, slug: str, move: Move) -> Response:
        campaign = move(campaign_id=_campaign(slug).pk, now=timezone.now(), by=api_key_of(request).name)
        return Response(CampaignOut(campaign).data)


class CampaignActivate(CampaignMove):
    @extend_schema(operation_id="campaigns_activate", request=None, responses=CampaignOut)
    def post(self, request: Request, slug: str) -> Response:
        """Start a draft. Who becomes due is fired by the next pass, within a minute."""
        return self._moved(request, slug, activate)


class CampaignPause(CampaignMove):
    @extend_schema(operation_id="campaigns_pause", request=None, responses=CampaignOut)
    def post(self, request: Request, slug: str) -> Response:
        """Pause a running campaign: nothing new is decided and nothing more is sent."""
        return self._moved(request, slug, pause)


class CampaignResume(CampaignMove):
    @extend_schema(operation_id="campaigns_resume", request=None, responses=CampaignOut)
    def post(self, request: Request, slug: str) -> Response:
        """Let a paused campaign go on where it was."""
        return self._moved(request, slug, resume)


class CampaignFinish(CampaignMove):
    @extend_schema(operation_id="campaigns_finish", request=None, responses=CampaignOut)
    def post(self, request: Request, slug: str) -> Response:
        """End a campaign for good: who waits gets nothing any more."""
        return self._moved(request, slug, finish)


class CampaignEnrolments(ApiView):
    """Everyone who was due, and what became of it."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}
    query_in = EnrolmentQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="campaigns_enrolments", responses=EnrolmentOut(many=True))
    def get(self, request: Request, slug: str) -> Response:
        enrolments = enrolment_listing(campaign=_campaign(slug), **self.query())
        return self.page(enrolments, order=("id",), render=_with_members)


class CampaignReportView(ApiView):
    """What a campaign did and whether it worked."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}

    @extend_schema(operation_id="campaigns_report", responses=CampaignReportOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(campaign_report(campaign=_campaign(slug)).as_json())


def _campaign(slug: str, *, hold: bool = False) -> Campaign:
    campaign = campaign_called(slug, hold=hold)
    if campaign is None:
        raise NotFound(_("There is no such campaign."))
    return campaign


def _with_members(enrolments: Sequence[Enrolment]) -> list[dict[str, Any]]:
    names = external_ids([enrolment.member_id for enrolment in enrolments])
    for enrolment in enrolments:
        vars(enrolment)["member"] = names.get(enrolment.member_id)
    return list(EnrolmentOut(enrolments, many=True).data)
