"""All routes. Each app that has an API brings its own `urls`."""

from django.contrib import admin
from django.urls import include, path

from policy.admin.sign_in import SignInForm

admin.autodiscover()
admin.site.login_form = SignInForm

handler400 = "shannon_project.foundation.http.bad_request"
handler404 = "shannon_project.foundation.http.not_found"
handler500 = "shannon_project.foundation.http.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("orchestration.api.urls")),
    path("", include("orchestration.console.urls")),
]
