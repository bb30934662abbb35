"""What the lowest app may still hold of a person who is forgotten: stored answers of calls, and what jobs were asked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils.translation import gettext

from core.models import IdempotencyRecord, Job

GONE_STATUS = 410
SHORTEST = 3
"""Characters from which on a text is looked for in the words of jobs; ids in stored answers stand in quotation marks and
are found however short."""


def forget_answers_about(texts: Iterable[str]) -> int:
    """This function will replace the stored answers that quote one of `texts` by the answer that the member is gone.

    The key stays taken: a client that tries its call again must not make anew who was just forgotten.
    """
    named = _any(Q(body__contains=quoted) for text in texts for quoted in _quoted(text))
    if named is None:
        return 0
    title = gettext("The member this call was about has been erased.")
    body = json.dumps({"type": "about:blank", "title": title, "status": GONE_STATUS, "code": "erased"}, ensure_ascii=False)
    about = IdempotencyRecord.objects.filter(named)
    return about.update(status=GONE_STATUS, content_type="application/problem+json", body=body)


def forget_jobs_about(texts: Iterable[str]) -> int:
    """This function will empty what jobs that have ended were asked and told, where one of `texts` stands in it."""
    long = [text for text in texts if len(text) >= SHORTEST]
    columns = ("params", "result", "checkpoint")
    named = _any(Q(**{f"{column}__icontains": json.dumps(text)[1:-1]}) for text in long for column in columns)
    said = _any(Q(**{f"{column}__contains": text}) for text in long for column in ("said", "error"))
    if named is None or said is None:
        return 0
    return (
        Job.objects.filter(named | said)
        .exclude(state__in=Job.OPEN)
        .update(params={}, result={}, checkpoint={}, said="", error="")
    )


def _quoted(text: str) -> set[str]:
    return {json.dumps(text, ensure_ascii=ascii_only) for ascii_only in (True, False)}


def _any(conditions: Iterable[Q]) -> Q | None:
    found = list(conditions)
    return reduce(or_, found) if found else None
