"""Routes of the pages."""

from django.templatetags.static import static
from django.urls import path
from django.views.generic import RedirectView

from orchestration.console import views

urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", RedirectView.as_view(url=static("console/icon.svg"))),
    path("console/strategies", views.strategies, name="console-strategies"),
    path("console/status", views.status, name="console-status"),
    path("console/tasks/<uuid:task_id>", views.run, name="console-run"),
    path("console/tasks/<uuid:task_id>/state", views.run_state, name="console-run-state"),
    path("console/tasks/<uuid:task_id>/feedback", views.run_feedback, name="console-run-feedback"),
    path("console/tasks/<uuid:task_id>/stream", views.run_stream, name="console-run-stream"),
]
