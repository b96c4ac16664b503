"""DRF, the OpenAPI document, and who may read the metrics."""

from ipaddress import ip_network

from shannon_project.settings.env import ENV

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["policy.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["policy.api.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["orchestration.api.http.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "orchestration.api.http.OneRendererNegotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "shannon_project.foundation.http.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Shannon platform API",
    "DESCRIPTION": "Submit tasks to AI agents, follow them, and read what they did. Every error has one shape: "
    "`{error: {code, message, details, request_id}}`.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_AUTHENTICATION": [],  # the document tells nothing of anyone, and the official client asks without a key
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
    "SORT_OPERATIONS": False,
    "ENUM_NAME_OVERRIDES": {
        "TaskStatusEnum": "orchestration.types.TaskStatus",
        "ModelTierEnum": "orchestration.options.MODEL_TIERS",
        "AskedTierEnum": "orchestration.options.ASKED_TIERS",
    },
}

SHANNON_FLOWER_URL = ENV.flower_url
SHANNON_GATEWAY_URL = ENV.gateway_url.rstrip("/")
SHANNON_METRICS_ALLOWED_NETWORKS = tuple(
    ip_network(network.strip()) for network in ENV.metrics_allowed_networks.split(",") if network.strip()
)
SHANNON_EVENTS_PAGE_MAX = 200  # events in one answer of the event lists
SHANNON_UPLOAD_MAX_BYTES = 16 * 1024 * 1024  # one file put into a session's workspace
SHANNON_TOOL_WAIT_SECONDS = 120.0  # how long `tools/{name}/execute` waits for the tool's end
SHANNON_MCP_WAIT_SECONDS = 120.0  # how long the MCP tool submit_task waits unless it is told
SHANNON_OPENAI_WAIT_SECONDS = 600.0  # how long an answer of a `shannon-*` model that is not streamed is waited for
SHANNON_OPENAI_BODY_MAX_BYTES = ENV.openai_body_max_bytes
SHANNON_OPENAI_BODY_MAX_VALUES = 1_000_000  # of JSON in one request to `/v1`: they are read in a tenth of a second
SHANNON_OPENAI_MESSAGES_MAX = 1000  # messages of one chat
SHANNON_SSE_HEARTBEAT_SECONDS = 10.0
SHANNON_SSE_RETRY_MILLISECONDS = 1000  # what an EventSource waits before it connects again
SHANNON_PROBE_TIMEOUT_SECONDS = 2.0  # readiness gives each server this long
