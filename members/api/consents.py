"""What a member allows: the last words with their history, one more word, and how many members can be reached."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.auth import api_key_of
from core.api.fields import BodyIn, InstantField, KnownText, TextField
from core.api.pages import CursorPages
from core.api.schema import request_example
from core.api.views import ApiView
from core.models import Scope
from members.api.lookup import found_member
from members.models import Channel, Consent, ConsentSource, Purpose, RequestState, Said
from members.services.consent_standing import consent_history, consent_reach, consent_requests, consents_of
from members.services.consents import Origin, Stated, state_consent
from members.services.opt_in import request_consent


class ConsentOut(serializers.Serializer[Any]):
    """The last word on a channel and a purpose. Of what is not listed nothing was ever said, which is no consent."""

    channel = serializers.ChoiceField(Channel.choices)
    purpose = serializers.ChoiceField(Purpose.choices)
    granted = serializers.BooleanField()
    said = serializers.SerializerMethodField()
    proof = serializers.CharField()
    since = InstantField(source="changed_at")
    suppressed_at = InstantField(
        allow_null=True, help_text=_("when the member refused for good; only a consent said later, with a proof, stands")
    )

    @extend_schema_field(serializers.ChoiceField(Said.choices))
    def get_said(self, consent: Consent) -> str:
        return consent.said.value


class ConsentRequestOut(serializers.Serializer[Any]):
    """The member was asked to confirm, and did not yet: no consent."""

    channel = serializers.ChoiceField(Channel.choices)
    purpose = serializers.ChoiceField(Purpose.choices)
    state = serializers.ChoiceField(RequestState.choices)
    requested_at = InstantField()
    expires_at = InstantField()
    sent_at = InstantField(allow_null=True)


class ConsentsOut(serializers.Serializer[Any]):
    consents = ConsentOut(many=True)
    pending = ConsentRequestOut(many=True)


class ConsentRecordOut(serializers.Serializer[Any]):
    """One thing that was said, or became known."""

    channel = serializers.ChoiceField(Channel.choices)
    purpose = serializers.ChoiceField(Purpose.choices)
    said = serializers.ChoiceField(Said.choices)
    source = serializers.ChoiceField(ConsentSource.choices)  # type: ignore[assignment]
    proof = serializers.CharField()
    text_version = KnownText()
    stated_by = KnownText()
    note = KnownText()
    said_at = InstantField(allow_null=True)
    recorded_at = InstantField()


@extend_schema_serializer(
    examples=[
        request_example(
            {
                "channel": "email",
                "purpose": "marketing",
                "granted": True,
                "at": "2026-11-30T10:00:00+08:00",
                "proof": "sign-up form",
                "text_version": "2026-03",
            }
        )
    ]
)
class ConsentIn(BodyIn):
    channel = serializers.ChoiceField(Channel.choices)
    purpose = serializers.ChoiceField(Purpose.choices, required=False, default=Purpose.MARKETING.value)
    granted = serializers.BooleanField()
    at = InstantField(required=False, allow_null=True, default=None, help_text=_("when the member said so"))
    proof = TextField(required=False, allow_blank=True, default="", max_length=300, help_text=_("how you know"))
    text_version = TextField(required=False, allow_blank=True, default="", max_length=100)
    note = TextField(required=False, allow_blank=True, default="", max_length=500)
    double_opt_in = serializers.BooleanField(
        required=False, default=False, help_text=_("send a link to confirm first; until then it is no consent")
    )


class ConsentReachOut(serializers.Serializer[Any]):
    """`reachable` members agreed and have an address; `pending` did not confirm yet, and do not count as agreed."""

    channel = serializers.ChoiceField(Channel.choices)
    purpose = serializers.ChoiceField(Purpose.choices)
    members = serializers.IntegerField()
    with_address = serializers.IntegerField()
    granted = serializers.IntegerField()
    reachable = serializers.IntegerField()
    suppressed = serializers.IntegerField()
    refused = serializers.IntegerField()
    pending = serializers.IntegerField()


class ConsentReachListOut(serializers.Serializer[Any]):
    results = ConsentReachOut(many=True)


class MemberConsents(ApiView):
    """What a member allows us, by channel and purpose."""

    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_WRITE, "PUT": Scope.MEMBERS_WRITE}

    @extend_schema(operation_id="members_consents", responses=ConsentsOut)
    def get(self, request: Request, external_id: str) -> Response:
        return Response(self._shown(found_member(external_id).pk))

    @extend_schema(operation_id="members_consents_say", request=ConsentIn, responses={200: ConsentsOut, 202: ConsentsOut})
    def post(self, request: Request, external_id: str) -> Response:
        """Record what the member said. A refusal is for good: after it a consent needs a proof and a date later than the
        refusal (409 `suppressed`). With `double_opt_in` the member gets a link, and the answer is 202."""
        member = found_member(external_id)
        told = self.parsed(ConsentIn)
        by = f"stated by {api_key_of(request).name}"[:300]
        now = timezone.now()
        if told["granted"] and told["double_opt_in"]:
            request_consent(
                member_id=member.pk,
                channel=told["channel"],
                purpose=told["purpose"],
                text_version=told["text_version"],
                stated_by=by,
                now=now,
            )
            return Response(self._shown(member.pk), status=202)
        names = ("channel", "purpose", "granted", "at", "proof", "text_version")
        state_consent(
            member_id=member.pk,
            stated=Stated(*(told[name] for name in names)),
            origin=Origin(ConsentSource.API, by, stated_by=by, note=told["note"]),
            now=now,
        )
        return Response(self._shown(member.pk))

    @extend_schema(operation_id="members_consents_put", request=ConsentIn, responses={200: ConsentsOut, 202: ConsentsOut})
    def put(self, request: Request, external_id: str) -> Response:
        """The same: saying it again changes nothing."""
        return self.post(request, external_id)

    def _shown(self, member_id: int) -> dict[str, Any]:
        return ConsentsOut({"consents": consents_of(member_id), "pending": consent_requests(member_id)}).data


class MemberConsentHistory(ApiView):
    """Everything a member said about being written to, newest first."""

    scopes = {"GET": Scope.MEMBERS_READ}
    pagination_class = CursorPages

    @extend_schema(operation_id="members_consents_history", responses=ConsentRecordOut(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        return self.page(consent_history(found_member(external_id).pk), order=("-id",), render=ConsentRecordOut)


class ConsentReach(ApiView):
    """How many members can be written to."""

    scopes = {"GET": Scope.MEMBERS_READ}

    @extend_schema(operation_id="consents_reach", responses=ConsentReachListOut)
    def get(self, request: Request) -> Response:
        """By channel and purpose, all members."""
        return Response(ConsentReachListOut({"results": consent_reach()}).data)
