"""Every address of the site. API paths have no slash at the end; the admin's have one."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from certificates.api.downloads import DirectDownload
from certmate.rest.health import Health, Ready
from certmate.rest.metrics import Metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("account/", include("certmate.signin.urls")),
    path("health", Health.as_view()),
    path("ready", Ready.as_view()),
    path("metrics", Metrics.as_view()),
    path("api/", include("certmate.rest.urls")),
    path("api/", include("certificates.api.urls")),
    path("api/", include("clients.api.urls")),
    path("api/", include("providers.api.urls")),
    path("api/", include("storage.api.urls")),
    path("pki/", include("providers.urls")),
    path("<str:name>/tls", DirectDownload.as_view()),
]

handler400 = "certmate.rest.handlers.bad_request"
handler403 = "certmate.rest.handlers.permission_denied"
handler404 = "certmate.rest.handlers.page_not_found"
handler500 = "certmate.rest.handlers.server_error"
