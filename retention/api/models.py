"""Published scoring models."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pages import CursorPages
from core.api.views import ApiView
from core.models import Scope
from retention.api.serializers import ModelOut, ModelQuery
from retention.selectors.listings import models


class ModelList(ApiView):
    """The models that turn facts into scores, latest fit first."""

    scopes = {"GET": Scope.REPORTS_READ}
    query_in = ModelQuery
    pagination_class = CursorPages

    @extend_schema(operation_id="models_list", responses=ModelOut(many=True))
    def get(self, request: Request) -> Response:
        return self.page(models(**self.query()), order=("-fitted_at", "-id"), render=ModelOut)
