"""Every address of the product, in one place."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config.health import livez, readyz
from config.metrics import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("", include("members.web.urls")),
    path("", include("campaigns.web.urls")),
    path("", include("config.api")),
]
