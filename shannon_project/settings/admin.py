"""The admin's look."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy


def _group(title: str, *pages: tuple[str, str, str]) -> dict[str, Any]:
    """Return a group of the sidebar; a page is its title, its icon and the name of its route in the admin."""
    items = [{"title": page, "icon": icon, "link": reverse_lazy(f"admin:{route}")} for page, icon, route in pages]
    return {"title": title, "separator": True, "items": items}


UNFOLD = {
    "SITE_TITLE": "Shannon",
    "SITE_HEADER": "Shannon",
    "SITE_SUBHEADER": "Agent platform, times in UTC",
    "SITE_SYMBOL": "hub",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("console/icon.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.72)",
            "100": "oklch(95.3% .051 180.801)",
            "200": "oklch(91% .096 180.426)",
            "300": "oklch(85.5% .138 181.071)",
            "400": "oklch(77.7% .152 181.912)",
            "500": "oklch(70.4% .14 182.503)",
            "600": "oklch(60% .118 184.704)",
            "700": "oklch(51.1% .096 186.391)",
            "800": "oklch(43.7% .078 188.216)",
            "900": "oklch(38.6% .063 188.416)",
            "950": "oklch(27.7% .046 192.524)",
        }
    },
    "DASHBOARD_CALLBACK": "orchestration.console.dashboard.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": True,
        "navigation": [
            _group(
                "Runs",
                ("Overview", "space_dashboard", "index"),
                ("Tasks", "task_alt", "orchestration_task_changelist"),
                ("Steps", "account_tree", "orchestration_step_changelist"),
                ("Approvals", "how_to_reg", "orchestration_approval_changelist"),
                ("Events", "timeline", "orchestration_event_changelist"),
                ("Journal", "menu_book", "agents_journalentry_changelist"),
                ("Feedback", "thumbs_up_down", "orchestration_answerfeedback_changelist"),
                ("Schedules", "schedule", "orchestration_schedule_changelist"),
                ("Workers", "memory", "orchestration_workerpresence_changelist"),
            ),
            _group(
                "Conversations",
                ("Sessions", "forum", "agents_session_changelist"),
                ("Messages", "chat", "agents_message_changelist"),
                ("Memories", "psychology", "agents_memory_changelist"),
            ),
            _group(
                "What agents have",
                ("Roles", "badge", "agents_agentrole_changelist"),
                ("Skills", "school", "agents_tenantskill_changelist"),
                ("Tools", "build", "agents_owntoolrow_changelist"),
                ("MCP servers", "dns", "agents_mcpserver_changelist"),
                ("Imported APIs", "api", "agents_openapi_changelist"),
                ("Templates", "schema", "orchestration_workflowtemplate_changelist"),
            ),
            _group(
                "Rules and money",
                ("Policies", "gavel", "policy_policy_changelist"),
                ("Budgets", "account_balance_wallet", "policy_budget_changelist"),
                ("Ledger", "receipt_long", "policy_ledgerentry_changelist"),
                ("Reservations", "hourglass_top", "policy_reservation_changelist"),
                ("Audit", "fact_check", "policy_auditentry_changelist"),
            ),
            _group(
                "Models",
                ("Calls", "forward_to_inbox", "agents_modelcall_changelist"),
                ("Models", "neurology", "agents_modeloverride_changelist"),
                ("Tiers", "stacked_bar_chart", "agents_tieroverride_changelist"),
                ("Rules", "rule", "agents_modelrules_changelist"),
                ("Provider keys", "vpn_key", "agents_providerkey_changelist"),
            ),
            _group(
                "Access",
                ("Tenants", "apartment", "policy_tenant_changelist"),
                ("API keys", "key", "policy_apikey_changelist"),
                ("Users", "person", "auth_user_changelist"),
            ),
        ],
    },
}
