"""Why did, or didn't, this member get that campaign: the decision, and everything the engine asks."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext

from campaigns.selectors.listings import campaign_called
from campaigns.services.explaining import explain_campaign
from core.admin.base import RekindleAdmin
from core.admin.display import change_url
from core.errors import InvalidInput
from members.selectors import members_by_id


def why_view(admin: RekindleAdmin, request: HttpRequest) -> HttpResponse:
    """This function will answer for one member and one campaign, inside the member's page or as a page of its own."""
    campaign = campaign_called(request.GET.get("campaign", ""))
    chosen = request.GET.get("member", "")
    member = members_by_id([int(chosen)]).get(int(chosen)) if chosen.isdecimal() and len(chosen) <= 18 else None
    if campaign is None or member is None or not admin.has_view_permission(request):
        raise Http404(gettext("There is no such campaign."))
    context = {"campaign": campaign, "campaign_url": change_url("campaigns_campaign", campaign.pk), "member": member}
    try:
        found = explain_campaign(campaign=campaign, member=member, now=timezone.now())
        context |= {"found": found, "asked": [("audience", found.audience), ("exclusion", found.exclusion)]}
    except InvalidInput as error:
        context["problem"] = str(error)
    if request.headers.get("X-Requested-With") == "fetch":
        return TemplateResponse(request, "campaigns/admin/parts/why.html", context)
    title = gettext("Why (not) this campaign?")
    back = change_url("members_member", member.pk)
    return admin.page(request, "campaigns/admin/why.html", title=title, obj=campaign, back=back, **context)
