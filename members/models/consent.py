"""What a member allowed us to send, per channel and purpose: the last word, everything that was said, what is asked."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from members.models.member import Member


class Channel(models.TextChoices):
    SMS = "sms", _("SMS")
    EMAIL = "email", _("e-mail")


class Purpose(models.TextChoices):
    """Advertising; or what belongs to an order, points or membership that somebody has. Neither implies the other."""

    MARKETING = "marketing", _("marketing")
    SERVICE = "service", _("service")


class ConsentSource(models.TextChoices):
    """How a word reached us."""

    FILE = "file", _("a file")
    API = "api", _("another system")
    STAFF = "staff", _("staff")
    OPT_IN = "opt_in", _("a confirmed link")
    PREFERENCES = "preferences", _("the preference page")
    UNSUBSCRIBE = "unsubscribe", _("the link to unsubscribe")
    REPLY = "reply", _("a reply to a message")
    BOUNCE = "bounce", _("the address does not exist")
    COMPLAINT = "complaint", _("reported as spam")
    MERGE = "merge", _("two members made one")
    UNDO = "undo", _("an import undone")
    ADDRESS = "address", _("the address had refused before")
    EARLIER = "earlier", _("known before there was a history")


class Said(models.TextChoices):
    """`suppressed` is a refusal of the member's own: only a later consent with a proof and a date lifts it."""

    GRANTED = "granted", _("agreed")
    REFUSED = "refused", _("refused")
    SUPPRESSED = "suppressed", _("unsubscribed")
    FORGOTTEN = "forgotten", _("no longer known")


class ConsentQuerySet(models.QuerySet["Consent"]):
    def granted(self, *, channel: str, purpose: str = Purpose.MARKETING) -> ConsentQuerySet:
        """This function will keep the consents that allow a channel for a purpose."""
        return self.filter(channel=channel, purpose=purpose, granted=True)


class Consent(models.Model):
    """The last word on one channel and purpose. No row is no consent.

    `changed_at` is when it was said, as far as we know; `said_at` the same where a date was stated with a proof.
    `suppressed_at` is the latest instant at which the member refused for good. It only ever moves forward, and a consent
    that was not said after it cannot stand, whoever writes the row.
    """

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="consents", db_index=False)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose, default=Purpose.MARKETING)
    granted = models.BooleanField(_("granted"))
    proof = models.CharField(_("proof"), max_length=300, help_text=_("how we know: a form's version, a file, a key"))
    changed_at = models.DateTimeField(_("since"))
    said_at = models.DateTimeField(_("said at"), null=True, blank=True)
    suppressed_at = models.DateTimeField(_("unsubscribed at"), null=True, blank=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "channel", "purpose"], name="consent_one_word_per_channel_and_purpose"
            ),
            models.CheckConstraint(condition=~Q(proof=""), name="consent_has_proof"),
            models.CheckConstraint(
                condition=Q(granted=False)
                | Q(suppressed_at__isnull=True)
                | Q(said_at__isnull=False, said_at__gt=F("suppressed_at")),
                name="consent_said_after_suppression",
            ),
        ]
        indexes = [
            # How many have unsubscribed, by channel and purpose: they are few among all.
            models.Index(
                fields=["channel", "purpose"],
                name="consent_suppressed",
                condition=Q(granted=False, suppressed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {'yes' if self.granted else 'no'}"

    @property
    def said(self) -> Said:
        if self.granted:
            return Said.GRANTED
        return Said.REFUSED if self.suppressed_at is None else Said.SUPPRESSED


class ConsentRecord(models.Model):
    """One thing that was said about one channel and purpose. Rows are only added."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="consent_records", db_index=False)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    said = models.CharField(_("word"), max_length=10, choices=Said)
    source = models.CharField(_("how"), max_length=20, choices=ConsentSource)
    proof = models.CharField(_("proof"), max_length=300)
    text_version = models.CharField(_("version of the text"), max_length=100, blank=True)
    stated_by = models.CharField(_("stated by"), max_length=300, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    said_at = models.DateTimeField(_("said at"), null=True, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name = _("word on consent")
        verbose_name_plural = _("words on consent")
        constraints = [
            models.CheckConstraint(condition=Q(said__in=Said.values), name="consent_record_word_known"),
            models.CheckConstraint(condition=~Q(proof=""), name="consent_record_has_proof"),
        ]
        # Everything one member said, newest first.
        indexes = [models.Index(fields=["member", "-id"], name="consent_record_of_member")]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.said}"


class RequestState(models.TextChoices):
    """PENDING -> CONFIRMED | EXPIRED | REPLACED. Only CONFIRMED ever becomes a consent."""

    PENDING = "pending", _("not confirmed yet")
    CONFIRMED = "confirmed", _("confirmed")
    EXPIRED = "expired", _("expired")
    REPLACED = "replaced", _("asked again since")


class ConsentRequest(models.Model):
    """Somebody asked to be written to; the address's owner has to confirm it. Until then it is no consent.

    `address_digest` ties the answer to the address that was asked, without repeating it.
    """

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="consent_requests", db_index=False)
    channel = models.CharField(_("channel"), max_length=20, choices=Channel)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose)
    text_version = models.CharField(_("version of the text"), max_length=100, blank=True)
    stated_by = models.CharField(_("stated by"), max_length=300)
    address_digest = models.CharField(max_length=32, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=RequestState, default=RequestState.PENDING)
    requested_at = models.DateTimeField(_("asked at"))
    expires_at = models.DateTimeField(_("expires at"))
    next_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)

    class Meta:
        verbose_name = _("request for consent")
        verbose_name_plural = _("requests for consent")
        constraints = [
            models.UniqueConstraint(
                fields=["member", "channel", "purpose"],
                condition=Q(state="pending"),
                name="consent_request_one_pending",
            ),
            models.CheckConstraint(condition=Q(state__in=RequestState.values), name="consent_request_state_known"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("requested_at")), name="consent_request_expires_later"),
        ]
        indexes = [
            # What one member is asked, newest first.
            models.Index(fields=["member", "-id"], name="consent_request_of_member"),
            # What has to be sent now.
            models.Index(fields=["next_at"], name="consent_request_to_send", condition=Q(next_at__isnull=False)),
            # What has run out.
            models.Index(fields=["expires_at"], name="consent_request_running", condition=Q(state="pending")),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.purpose}: {self.state}"
