"""Purchase losses: what visitors spent with other sellers, entered as marketplaces tell it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from core.admin.base import RekindleAdmin
from core.admin.display import money
from core.admin.forms import MoneyField
from retention.models import LossFigure
from retention.services.losses import forget_loss_figure, keep_loss_figure


class LossFigureForm(forms.ModelForm):
    amount_minor = MoneyField(label=_("Purchase-loss amount"))

    class Meta:
        model = LossFigure
        fields = ("shop", "first_on", "last_on", "amount_minor", "origin")
        help_texts = {
            "shop": _("Empty: the figure is of the brand as a whole."),
            "last_on": _("Both days are included. A report counts the figures whose whole time lies in its period."),
            "origin": _("The page or file of the marketplace that tells it."),
        }


@admin.register(LossFigure)
class LossFigureAdmin(RekindleAdmin):
    form = LossFigureForm
    empty_says = _(
        "What visitors who did not buy spent with other sellers. A marketplace tells it (购买流失金额); entered here, it "
        "stands in the report on visitors."
    )
    list_display = ("shown_time", "shown_shop", "shown_amount", "origin")
    list_select_related = ("shop",)
    ordering = ("-first_on", "-id")
    sortable_by = ()

    @display(description=_("time"))
    def shown_time(self, figure: LossFigure) -> str:
        return str(figure)

    @display(description=_("shop"))
    def shown_shop(self, figure: LossFigure) -> str:
        return str(figure.shop) if figure.shop else gettext("the whole brand")

    @display(description=_("purchase-loss amount"))
    def shown_amount(self, figure: LossFigure) -> str:
        return money(figure.amount_minor)

    def save_model(self, request: HttpRequest, obj: LossFigure, form: Any, change: bool) -> None:
        keep_loss_figure(figure=obj, now=timezone.now(), by=request.user.get_username())

    def delete_model(self, request: HttpRequest, obj: LossFigure) -> None:
        forget_loss_figure(figure=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LossFigure]) -> None:
        for figure in queryset:
            forget_loss_figure(figure=figure)
