"""The admin's look."""

from django.urls import reverse_lazy

UNFOLD = {
    "SITE_TITLE": "Shannon",
    "SITE_HEADER": "Shannon",
    "SITE_SUBHEADER": "Agent platform",
    "SITE_SYMBOL": "hub",
    "SITE_URL": "/",
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
            {
                "title": "Runs",
                "separator": False,
                "items": [
                    {"title": "Overview", "icon": "space_dashboard", "link": reverse_lazy("admin:index")},
                    {
                        "title": "Tasks",
                        "icon": "task_alt",
                        "link": reverse_lazy("admin:orchestration_task_changelist"),
                    },
                    {
                        "title": "Steps",
                        "icon": "account_tree",
                        "link": reverse_lazy("admin:orchestration_step_changelist"),
                    },
                    {
                        "title": "Events",
                        "icon": "timeline",
                        "link": reverse_lazy("admin:orchestration_event_changelist"),
                    },
                ],
            },
        ],
    },
}
