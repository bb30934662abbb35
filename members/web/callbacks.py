"""What providers report: answers to SMS, addresses that do not exist, messages reported as spam."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from core.conf import shop_currency, shop_zone
from core.rates import count_call, seconds_left
from members.conf import callback_secret
from members.ingest.normalise import Refused, Surroundings, email, instant, phone
from members.models import Channel
from members.services.preferences import address_failed, is_stop_word, refuse_by_reply

SECRET_HEADER = "X-Callback-Secret"
MOST_WRONG_A_MINUTE = 30
LARGEST_BODY = 64 * 1024

Told = Mapping[str, Any]


def callback(view: Callable[[Told, Surroundings], Mapping[str, Any]]) -> Callable[[HttpRequest], HttpResponse]:
    """This function will make a call of a view of (what was told, surroundings): who calls shows the shared secret, in the
    header X-Callback-Secret or as the field `secret`. Without a secret set there is no such address."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def call(request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        secret = callback_secret()
        if not secret:
            return _problem(404, "not_found", "Callbacks are not switched on.")
        try:
            told = _body(request)
        except ValueError:
            return _problem(400, "unparsable", "Send a form or a JSON object.")
        shown_secret = request.headers.get(SECRET_HEADER) or str(told.get("secret", ""))
        if not constant_time_compare(shown_secret, secret):
            if count_call(f"callback:{request.META.get('REMOTE_ADDR', '')}", now) > MOST_WRONG_A_MINUTE:
                answer = _problem(429, "too_many", "Asked too often.")
                answer.headers["Retry-After"] = str(seconds_left(now))
                return answer
            return _problem(403, "wrong_secret", "The secret is not the one set here.")
        try:
            return JsonResponse(view(told, Surroundings(now=now, zone=shop_zone(), currency=shop_currency())))
        except Refused as refused:
            return _problem(422, refused.code, refused.message)

    return call


@callback
def sms_reply(told: Told, given: Surroundings) -> Mapping[str, Any]:
    """`phone`, `text`, `at`?: who answers R, T, TD or 退订 gets no advertising by SMS any more."""
    number = phone(_text(told, "phone"), given)
    refuses = is_stop_word(_text(told, "text"))
    members = refuse_by_reply(phone=number, said_at=_at(told, given), now=given.now) if refuses else 0
    return {"refuses": refuses, "members": members}


@callback
def email_feedback(told: Told, given: Surroundings) -> Mapping[str, Any]:
    """`email`, `event` (bounce or complaint), `permanent`? (of a bounce), `at`?: nothing is written there any more. A bounce
    that may pass changes nothing."""
    event = _text(told, "event")
    if event not in {"bounce", "complaint"}:
        raise Refused("unknown_choice", "“event” is bounce or complaint.")
    address = email(_text(told, "email"), given)
    if event == "bounce" and str(told.get("permanent", "")).lower() not in {"true", "1", "yes"}:
        return {"refuses": False, "members": 0}
    members = address_failed(
        channel=Channel.EMAIL, address=address, complaint=event == "complaint", said_at=_at(told, given), now=given.now
    )
    return {"refuses": True, "members": members}


def _body(request: HttpRequest) -> Told:
    if request.content_type != "application/json":
        return request.POST.dict()
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
        raise ValueError("too large")
    told = json.loads(request.body)
    if not isinstance(told, dict):
        raise ValueError("not an object")
    return told


def _text(told: Told, name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Refused("required", f"“{name}” is missing.")
    return value


def _at(told: Told, given: Surroundings) -> datetime | None:
    return instant(told["at"], given) if told.get("at") else None


def _problem(status: int, code: str, detail: str) -> JsonResponse:
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")
