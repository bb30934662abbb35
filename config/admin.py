"""Django's own admin pages, dressed like the rest, and the screens of core, which registers none when it is imported."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django_celery_beat.admin import PeriodicTaskAdmin as BeatTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from core.admin import audit_trail, clock, jobs, keys
from core.admin.base import AuditedAdmin
from core.services.audit import parts

__all__ = ["audit_trail", "clock", "jobs", "keys"]

for plain in (User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(plain)


def powers_of_user(pk: int) -> dict[str, str]:
    """This function will tell the trail what a person may do, beside the account's own row."""
    user = User.objects.get(pk=pk)
    return {
        "groups": ", ".join(user.groups.order_by("name").values_list("name", flat=True)),
        "permissions": ", ".join(user.user_permissions.order_by("codename").values_list("codename", flat=True)),
    }


def powers_of_group(pk: int) -> dict[str, str]:
    """This function will tell the trail what everybody in a group may do."""
    held = Group.objects.get(pk=pk).permissions.order_by("codename")
    return {"permissions": ", ".join(held.values_list("codename", flat=True))}


parts["auth.user"] = powers_of_user
parts["auth.group"] = powers_of_group


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin):  # type: ignore[misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):  # type: ignore[misc]
    pass


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    pass


class TaskForm(PeriodicTaskForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(BeatTaskAdmin, ModelAdmin):
    form = TaskForm


@admin.register(IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule)
class ScheduleAdmin(ModelAdmin):
    pass
