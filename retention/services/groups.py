"""Customer groups: found with every fit, told by their size and their means, made a fixed list on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.utils.translation import gettext_lazy as _

from core.errors import NotFound
from core.registry import JobKind, RunningJob
from core.services.jobs import enqueue_job
from members.models import Member
from retention.models import ListUpload, MemberFacts, ModelKind, Segment
from retention.scoring import challengers, groups
from retention.scoring.cadence import Floats
from retention.services.history import PIECE, SAMPLE, buckets_for, pieces
from retention.services.publishing import Fitted, in_use, refused
from retention.services.static_lists import create_list, give_file

READ = ("pk", "last_order_day", "order_days", "revenue_minor", "order_count_90d")
"""What a group is made of, and what is told of it."""


def fit_groups(*, day: int) -> Fitted:
    """This function will find the groups on a sample and describe them by everybody."""
    everybody = MemberFacts.objects.filter(order_days__gte=1)
    members = everybody.count()
    if members < groups.LEAST_MEMBERS:
        return refused(ModelKind.GROUPS, "too_few", members=members, count=members, needed=groups.LEAST_MEMBERS)
    if not challengers.available():
        return refused(ModelKind.GROUPS, "not_installed", members=members)
    sample = everybody.filter(member__random_bucket__lt=buckets_for(SAMPLE, members=members)).order_by("pk")
    rows = [_rows(piece, day) for piece in pieces(sample.values_list(*READ).iterator(chunk_size=PIECE))]
    found = groups.fit(np.concatenate(rows)) if rows else None
    if found is None:
        return refused(ModelKind.GROUPS, "all_alike", members=members)
    return Fitted(ModelKind.GROUPS, members, found.as_json(), {"groups": _described(found, day), "day": day})


def _rows(piece: Floats, day: int) -> Floats:
    return groups.rows_of(since=_since(piece, day), order_days=piece[:, 2], revenue_minor=piece[:, 3])


def _since(piece: Floats, day: int) -> Floats:
    return np.maximum(day - piece[:, 1], 0.0)


def _described(found: groups.Groups, day: int) -> list[dict[str, Any]]:
    """Members, and the mean of what a person would ask, group by group."""
    count = len(found.centres)
    sums = np.zeros((count, 5))
    for piece, nearest in _parted(found, day):
        told = np.column_stack((np.ones(len(piece)), _since(piece, day), piece[:, 2], piece[:, 3], piece[:, 4]))
        for place in range(count):
            sums[place] += told[nearest == place].sum(axis=0)
    return [
        {
            "members": int(row[0]),
            "days_since_last_order": row[1] / max(row[0], 1),
            "order_days": row[2] / max(row[0], 1),
            "average_order_day_minor": row[3] / max(row[2], 1),
            "order_count_90d": row[4] / max(row[0], 1),
        }
        for row in sums
    ]


def _parted(found: groups.Groups, day: int) -> Iterator[tuple[Floats, Any]]:
    after = 0
    rows = MemberFacts.objects.filter(order_days__gte=1).order_by("pk")
    while taken := list(rows.filter(pk__gt=after).values_list(*READ)[:PIECE]):
        after = taken[-1][0]
        piece = np.array(taken, dtype=np.float64)
        yield piece, groups.nearest(found, _rows(piece, day))


# --- a list of one group


def ask_for_group_list(*, group: int, name: str, by: str, now: datetime) -> Segment:
    """This function will make a fixed list for a group of the fit in use, by its place from 0; a job fills it with the
    members that are in the group at that moment."""
    fit = in_use(ModelKind.GROUPS)
    if fit is None or not 0 <= group < len(fit.parameters["centres"]):
        raise NotFound(_("There is no such group any more."))
    segment, _none = create_list(slug=_free_slug(group, now), name=name, now=now, by=by)
    params = {"segment": segment.pk, "group": group, "fit": fit.pk, "by": by}
    enqueue_job(kind=GROUP, params=params, now=now, by=by)
    return segment


def _free_slug(group: int, now: datetime) -> str:
    wanted = f"group-{group + 1}-{now:%Y%m%d}"
    taken = set(Segment.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    tried = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 2)))
    return next(slug for slug in tried if slug not in taken)


def _run(job: RunningJob) -> Mapping[str, Any]:
    segment = Segment.objects.filter(pk=job.params["segment"]).first()
    fit = in_use(ModelKind.GROUPS)
    if segment is None or fit is None or fit.pk != job.params["fit"]:
        raise NotFound(_("There is no such group any more."))
    given = _ids(groups.Groups.from_json(fit.parameters), int(fit.metrics["day"]), int(job.params["group"]), job)
    give_file(
        segment=segment,
        how=ListUpload.How.REPLACE,
        pieces=given,
        file_name=segment.name,
        now=job.now(),
        by=job.params["by"],
    )
    return {}


def _ids(found: groups.Groups, day: int, group: int, job: RunningJob) -> Iterator[bytes]:
    yield b"external_id\n"
    done = 0
    for piece, nearest in _parted(found, day):
        done += len(piece)
        inside = [int(each) for each in piece[nearest == group, 0]]
        for external_id in Member.objects.filter(pk__in=inside).order_by("pk").values_list("external_id", flat=True):
            yield f"{_quoted(external_id)}\n".encode()
        job.report(done)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


GROUP = "retention.group"
GROUP_JOB = JobKind(GROUP, _("A list of a customer group"), _run, retries=0)
