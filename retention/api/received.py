"""What a fixed list made of the ids it was given."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.fields import BodyIn, TextField
from retention.models import ListUpload, UploadedId
from retention.services.static_lists import unknown_ids

LONGEST_ID = 1000
"""Characters of an id that are read at all; what no member can be called is reported, not refused."""


class IdsField(serializers.ListField):
    """Member numbers, or names by which members are known elsewhere."""

    child = TextField(max_length=LONGEST_ID, allow_blank=True)


class MembersIn(BodyIn):
    members = IdsField()


class UnknownIdOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="value")
    code = serializers.ChoiceField(UploadedId.Problem.choices, source="problem")


class ReceivedOut(serializers.Serializer[Any]):
    """`known` and `unknown` count different ids, `added` and `removed` members. Nobody unknown was made a member."""

    given = serializers.IntegerField(help_text=_("as they came, repeated ones too"))
    known = serializers.IntegerField()
    unknown = serializers.IntegerField()
    added = serializers.IntegerField()
    removed = serializers.IntegerField()
    unknown_ids = UnknownIdOut(many=True)


def received_out(upload: ListUpload) -> dict[str, Any]:
    vars(upload)["unknown_ids"] = list(unknown_ids(upload).order_by("value"))
    return dict(ReceivedOut(upload).data)
