"""The admin's look."""

UNFOLD = {
    "SITE_TITLE": "Shannon",
    "SITE_HEADER": "Shannon",
    "SITE_SUBHEADER": "Agent platform",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
