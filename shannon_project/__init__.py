"""Wiring and ground floor of the platform."""

from shannon_project.celery import celery_app

__all__ = ["celery_app"]
