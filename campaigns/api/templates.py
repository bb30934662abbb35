"""Coupon templates: what may be given, and giving it to one member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.serializers import IssueIn, IssueOut, TemplateChangeIn, TemplateIn, TemplateOut, TemplateQuery
from campaigns.coupons.issue import issue_one
from campaigns.models import Coupon, CouponTemplate
from campaigns.selectors.listings import coupon_number, member_id_of, template_called, template_listing
from campaigns.services.templates import change_template, create_template, delete_template, document_of
from core.api.audit import Subject
from core.api.pages import CursorPages
from core.api.views import ApiView
from core.errors import FieldProblem, InvalidInput, NotFound
from core.models import Scope


def template_number(values: Mapping[str, Any]) -> int | None:
    """This function will find the template an address speaks of, for the audit trail."""
    template = template_called(values["slug"]) if "slug" in values else None
    return template.pk if template else None


def coupon_issued(values: Mapping[str, Any]) -> int | None:
    """This function will find the coupon that a call issued; of a public code none is one member's own."""
    return coupon_number(values["code"]) if "code" in values else None


class TemplateList(ApiView):
    """Coupon templates, in the order they were made."""

    scopes = {"GET": Scope.CAMPAIGNS_READ, "POST": Scope.CAMPAIGNS_WRITE}
    audits = Subject(CouponTemplate, template_number)
    query_in = TemplateQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="coupon_templates_list", responses=TemplateOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(template_listing(**self.query()), order=("id",), render=TemplateOut)

    @extend_schema(operation_id="coupon_templates_create", request=TemplateIn, responses={201: TemplateOut})
    def post(self, request: Request) -> Response:
        """Make a template."""
        template = create_template(document=request.data, now=timezone.now())
        return Response(TemplateOut(template).data, status=201)


class TemplateDetail(ApiView):
    """One template. What members were promised cannot change once they hold it."""

    scopes = {
        "GET": Scope.CAMPAIGNS_READ,
        "PUT": Scope.CAMPAIGNS_WRITE,
        "PATCH": Scope.CAMPAIGNS_WRITE,
        "DELETE": Scope.CAMPAIGNS_WRITE,
    }
    audits = Subject(CouponTemplate, template_number)

    @extend_schema(operation_id="coupon_templates_get", responses=TemplateOut)
    def get(self, request: Request, slug: str) -> Response:
        return Response(TemplateOut(_template(slug)).data)

    @extend_schema(operation_id="coupon_templates_put", request=TemplateIn, responses=TemplateOut)
    def put(self, request: Request, slug: str) -> Response:
        """Replace a template; a document without a short name keeps it."""
        document = {"slug": slug, **request.data} if isinstance(request.data, dict) else request.data
        return Response(TemplateOut(change_template(slug=slug, document=document)).data)

    @extend_schema(operation_id="coupon_templates_patch", request=TemplateChangeIn, responses=TemplateOut)
    def patch(self, request: Request, slug: str) -> Response:
        """Change some keys of a template; the others stay."""
        with transaction.atomic():  # what is read and written back must not change in between
            document = document_of(_template(slug, hold=True))
            merged = document | request.data if isinstance(request.data, dict) else request.data
            return Response(TemplateOut(change_template(slug=slug, document=merged)).data)

    @extend_schema(operation_id="coupon_templates_delete", responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Delete a template that nothing refers to."""
        delete_template(slug=slug)
        return Response(status=204)


class TemplateIssue(ApiView):
    """A coupon for one member, outside any campaign."""

    scopes = {"POST": Scope.CAMPAIGNS_WRITE}
    audits = Subject(Coupon, coupon_issued)

    @extend_schema(operation_id="coupon_templates_issue", request=IssueIn, responses={201: IssueOut})
    def post(self, request: Request, slug: str) -> Response:
        """Issue a coupon. Without an Idempotency-Key every call issues another one, within the limits."""
        _template(slug)
        member_id = member_id_of(self.parsed(IssueIn)["member"])
        if member_id is None:
            problem = FieldProblem("member", "unknown_member", _("There is no such member."))
            raise InvalidInput(_("The input is not valid."), problems=[problem])
        coupon = issue_one(template_slug=slug, member_id=member_id, now=timezone.now())
        shown = {"code": coupon.code, "link": coupon.template.link, "valid_until": coupon.valid_until}
        return Response(IssueOut(shown).data, status=201)


def _template(slug: str, *, hold: bool = False) -> CouponTemplate:
    template = template_called(slug, hold=hold)
    if template is None:
        raise NotFound(_("There is no such coupon template."))
    return template
