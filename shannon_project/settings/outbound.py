"""Requests that tools send outside; units are in the names."""

from shannon_project.settings.env import ENV

SHANNON_HTTP_PORTS = ENV.http_ports
SHANNON_HTTP_HOSTS_ALLOWED = ENV.http_hosts_allowed
SHANNON_HTTP_HOSTS_DENIED = ENV.http_hosts_denied
SHANNON_HTTP_ENDPOINTS_ALLOWED = ENV.http_endpoints_allowed
SHANNON_HTTP_NETWORKS_ALLOWED = ENV.http_networks_allowed
SHANNON_HTTP_DNS_SERVERS = ENV.http_dns_servers
SHANNON_HTTP_TIMEOUT_SECONDS = ENV.http_timeout_seconds  # of one fetch: name, redirects and content
SHANNON_HTTP_MAX_BYTES = ENV.http_max_bytes  # of uncompressed content of one fetch
SHANNON_HTTP_MAX_REDIRECTS = 5
SHANNON_HTTP_USER_AGENT = "ShannonPlatform/0.1"
