"""Who is signed in, and what they say on the pages."""

from uuid import UUID

from django import forms
from django.http import HttpRequest

from orchestration.feedback import COMMENT_MAX_CHARACTERS
from orchestration.types import Rating
from policy.types import Principal


class FeedbackForm(forms.Form):
    """What somebody says of an answer."""

    rating = forms.ChoiceField(choices=[(rating.value, rating.value) for rating in Rating])
    score = forms.FloatField(required=False, min_value=0.0, max_value=1.0)
    comment = forms.CharField(required=False, max_length=COMMENT_MAX_CHARACTERS)


def staff_principal(request: HttpRequest, tenant_id: UUID) -> Principal:
    """Return the signed-in person as somebody who acts in a tenant."""
    name = request.user.get_username()
    return Principal(tenant_id=tenant_id, actor=f"user:{name}", user_id=name)
