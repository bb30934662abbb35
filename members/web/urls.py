"""Where the public pages live. Short, because SMS are counted by the letter."""

from django.urls import path

from members.web.callbacks import email_feedback, sms_reply
from members.web.pages import confirm_page, preferences_page, unsubscribe_page

urlpatterns = [
    path("u/<str:token>/", unsubscribe_page, name="unsubscribe"),
    path("p/<str:token>/", preferences_page, name="preferences"),
    path("c/<str:token>/", confirm_page, name="confirm"),
    path("callbacks/sms/", sms_reply, name="sms-reply"),
    path("callbacks/email/", email_feedback, name="email-feedback"),
]
