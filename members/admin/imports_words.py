"""Imports in words: how they stand, what became of them, what undoing one would do and did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.display import Mark, number
from core.models import Job
from members.models import Import, ImportState, ImportTarget
from members.services.imports import TRIAL_JOB, busy

DRAFT = Mark(_("not imported yet"), "grey", "edit_note")
TRIED = Mark(_("being tried"), "blue", "progress_activity")
WAITING = Mark(_("waiting"), "grey", "hourglass_empty")
RUNNING = Mark(_("importing"), "blue", "progress_activity")
STOPPED = Mark(_("stopped half way"), "amber", "pause_circle")
FAILED = Mark(_("failed"), "red", "error")
DONE = Mark(_("imported"), "green", "check_circle")
SOME = Mark(_("imported, some rows refused"), "amber", "rule")
NONE = Mark(_("every row refused"), "red", "block")
UNDOING = Mark(_("being undone"), "blue", "undo")
UNDONE = Mark(_("undone"), "grey", "undo")


def _orders(count: int) -> str:
    return ngettext("%(count)s order", "%(count)s orders", count)


def _members(count: int) -> str:
    return ngettext("%(count)s member", "%(count)s members", count)


def _events(count: int) -> str:
    return ngettext("%(count)s event", "%(count)s events", count)


KINDS: Mapping[str, Callable[[int], str]] = {
    "orders": _orders,
    "events": _events,
    "members": _members,
    "products": lambda count: ngettext("%(count)s product", "%(count)s products", count),
    "categories": lambda count: ngettext("%(count)s category", "%(count)s categories", count),
    "shops": lambda count: ngettext("%(count)s shop", "%(count)s shops", count),
}


def state_of(found: Import) -> Mark:
    """This function will say how an import stands, with what its job is doing."""
    working = busy(found)
    waiting = working and found.job is not None and found.job.state == Job.State.WAITING
    failed = found.job is not None and found.job.state == Job.State.FAILED
    if found.state == ImportState.DRAFT:
        return TRIED if working else DRAFT
    if found.state == ImportState.IMPORTING:
        return WAITING if waiting else RUNNING if working else FAILED if failed else STOPPED
    if found.state == ImportState.UNDOING:
        return UNDOING if working else FAILED if failed else STOPPED
    if found.state == ImportState.UNDONE:
        return UNDONE
    return DONE if not found.rejected else SOME if found.accepted else NONE


def noun(found: Import, count: int) -> str:
    """This function will write a number of what an import holds: 1,204 orders."""
    return KINDS[found.target](count) % {"count": number(count)}


def headline(found: Import) -> str:
    """This function will say in a sentence with a number what became of an import so far."""
    told = {
        "accepted": noun(found, found.accepted),
        "rejected": number(found.rejected),
        "created": number(found.created),
        "changed": number(found.changed),
    }
    if found.state == ImportState.UNDONE:
        return gettext("This import was undone.")
    if found.state == ImportState.IMPORTING:
        return gettext("%(accepted)s are in, %(rejected)s refused so far.") % told
    if not found.accepted and found.rejected:
        return gettext("Nothing was taken: all %(rejected)s rows were refused.") % told
    if not found.rejected:
        return gettext("%(accepted)s accepted (%(created)s new, %(changed)s changed), none refused.") % told
    return gettext("%(accepted)s accepted (%(created)s new, %(changed)s changed), %(rejected)s refused.") % told


def trial_sentence(found: Import) -> str:
    trial = found.trial
    told = {"accepted": noun(found, trial["accepted"]), "rejected": number(trial["rejected"])}
    told |= {"created": number(trial["created"]), "changed": number(trial["changed"])}
    if not trial["rejected"]:
        sentence = gettext("%(accepted)s would be accepted (%(created)s new, %(changed)s changed), none refused.")
    else:
        sentence = gettext(
            "%(accepted)s would be accepted (%(created)s new, %(changed)s changed), %(rejected)s would be refused."
        )
    return sentence % told


def progress_sentence(found: Import, job: Job) -> str:
    if job.state == Job.State.WAITING:
        return gettext("Waiting for its turn.")
    told = {"done": number(job.done), "total": number(job.total or 0)}
    if found.state == ImportState.UNDOING:
        return gettext("%(done)s of %(total)s batches undone.") % told
    read = gettext("%(done)s of about %(total)s rows read.") % told
    return read if job.kind == TRIAL_JOB else f"{read} {headline(found)}"


def reasons(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """This function will list reasons with their counts, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return [(reason, number(count)) for reason, count in ordered]


def undo_sentences(found: Import) -> Iterator[str]:
    made = noun(found, found.created)
    if found.created or found.changed:
        yield gettext("This removes what the import made (%(made)s) and gives back what it changed (%(changed)s).") % {
            "made": made,
            "changed": number(found.changed),
        }
    else:
        yield gettext("This import made and changed nothing, so there is nothing to take back.")
    if found.target == ImportTarget.ORDERS:
        yield gettext("Members who came with these orders and of whom nothing else is known go too.")
    yield gettext("What somebody changed since stays as it is, and is counted. The file can be imported again.")


def undone_sentences(found: Import) -> Iterator[str]:
    told: Mapping[str, Any] = found.undone
    gone = told.get("removed", {})
    back = dict(told.get("restored", {}))
    # A member whom the import made is first given the empty profile back, and then goes: that is one thing to say.
    back["members"] = max(back.get("members", 0) - gone.get("members", 0), 0)
    removed, restored = _counted(gone), _counted(back)
    if removed:
        yield gettext("Removed: %(things)s.") % {"things": removed}
    if restored:
        yield gettext("Given their former values: %(things)s.") % {"things": restored}
    if not (removed or restored):
        yield gettext("The import had made and changed nothing.")
    kept = told.get("kept", {})
    for name, sentence in KEPT.items():
        count = kept.get(name, 0)
        if count:
            yield str(sentence) % {"count": number(count)}


KEPT = {
    "changed_orders": _("%(count)s orders were kept, because they were changed since by something else."),
    "changed_members": _("%(count)s members keep what was written of them since by something else."),
    "held_members": _("%(count)s members stay, because orders, events, coupons or lists of others hang on them."),
}


def _counted(counts: Mapping[str, int]) -> str:
    told = [words(count) % {"count": number(count)} for name, words in KINDS.items() if (count := counts.get(name, 0))]
    return get_text_list(told, gettext("and")) if told else ""
