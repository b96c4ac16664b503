"""Health, readiness, metrics, the OpenAPI document, and who the caller is."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.renderers import OpenApiJsonRenderer2
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orchestration.api.endpoint import Endpoint
from orchestration.api.readiness import readiness
from policy.api.authentication import principal_from_request
from policy.api.permissions import PUBLIC
from policy.errors import ScopeMissing

ADMIN = "admin"
RETRY_AFTER_SECONDS = "2"
DOCS_CACHE_SECONDS = 3600
DOCS_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class HealthView(APIView):
    """Is this process alive?"""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="health", tags=["system"], responses=OpenApiTypes.OBJECT, auth=[])
    def get(self, _request: Request) -> Response:
        """Answer, and ask nobody else."""
        return Response({"status": "healthy", "version": settings.SPECTACULAR_SETTINGS["VERSION"]})


class ReadinessView(APIView):
    """Can this process serve?"""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="readiness",
        tags=["system"],
        responses={200: OpenApiTypes.OBJECT, 503: OpenApiTypes.OBJECT},
        auth=[],
    )
    def get(self, _request: Request) -> Response:
        """Answer 200 when the database and its migrations are there, else 503 with what is missing.

        Without the broker the status is `degraded`, still with 200: requests are accepted and carried out later, so a
        load balancer must not take the server away.
        """
        state = readiness()
        if state.is_ready:
            return Response({"status": "ready" if state.is_whole else "degraded", "checks": state.checks})
        answer = {"status": "not ready", "checks": state.checks}
        return Response(answer, status=503, headers={"Retry-After": RETRY_AFTER_SECONDS})


class MayReadMetrics(BasePermission):
    """Those who may: peers in `SHANNON_METRICS_ALLOWED_NETWORKS`, and keys with the scope admin."""

    def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - any view
        """Return True, or refuse.

        Raises:
            ApiKeyMissing, ApiKeyInvalid, ApiKeyExpired: The peer's address is not enough, and no valid key was sent.
            ScopeMissing: The key lacks the scope admin.
        """
        if is_allowed_peer(request):
            return True
        if not principal_from_request(request._request).has_scope(ADMIN):
            raise ScopeMissing(f"This needs the scope {ADMIN}.", details={"required": ADMIN})
        return True


def is_allowed_peer(request: Request) -> bool:
    """Tell whether the peer's own address is allowed; one that forwards for others, as a proxy does, is not."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return any(peer in network for network in settings.SHANNON_METRICS_ALLOWED_NETWORKS)


class MetricsView(APIView):
    """Metrics of this process for Prometheus."""

    authentication_classes = ()
    permission_classes = (MayReadMetrics,)

    @extend_schema(operation_id="metrics", tags=["system"], responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """Export the metrics, to an allowed network or to a key with the scope admin."""
        response: HttpResponse = ExportToDjangoView(request)
        return response


class WhoAmIView(Endpoint):
    """Who the key belongs to; any valid key may ask."""

    required_scopes = {"GET": PUBLIC}

    @extend_schema(operation_id="auth_me", tags=["auth"], responses=OpenApiTypes.OBJECT)
    def get(self, _request: Request) -> Response:
        """Tell the caller who it is and what it may do."""
        return Response(self.principal.as_json())


@method_decorator(cache_page(DOCS_CACHE_SECONDS), name="dispatch")
class OpenApiView(SpectacularAPIView):
    """The OpenAPI document, as JSON."""

    renderer_classes = [OpenApiJsonRenderer2]


class DocsView(SpectacularSwaggerSplitView):
    """The documentation as a page; everything it loads comes from this server."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Add a policy that lets nothing in from elsewhere."""
        response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = DOCS_POLICY
        return response
