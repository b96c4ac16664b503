"""The application of the gateway process; Django must be set up before it is imported."""

from django.conf import settings

from agents.direct.server import Gateway

application = Gateway(calls_max=settings.SHANNON_GATEWAY_CALLS_MAX)
