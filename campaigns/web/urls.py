"""Where links in messages lead to. Short, because SMS are counted by the letter."""

from django.urls import path

from campaigns.services.clicks import ADDRESS
from campaigns.web.pages import click_page

urlpatterns = [path(f"{ADDRESS}/<str:token>/", click_page, name="click")]
