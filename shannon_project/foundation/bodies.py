"""How large a body of JSON may be: in bytes, and in values, since to read many small ones stops a process."""

from typing import Final

from shannon_project.foundation.errors import ShannonError

_STARTS: Final = (b"{", b"[", b",")  # a value begins at each of them; those in texts are counted too


class BodyTooLarge(ShannonError):
    """The request's body is too large."""

    code = "BODY_TOO_LARGE"
    http_status = 413


def body_check(content: bytes, *, max_bytes: int, max_values: int) -> None:
    """Refuse a body before it is read. Python reads JSON in one go, and nothing else runs in the process meanwhile.

    Args:
        content: The body.
        max_bytes: The setting `SHANNON_OPENAI_BODY_MAX_BYTES`.
        max_values: The setting `SHANNON_OPENAI_BODY_MAX_VALUES`.

    Raises:
        BodyTooLarge: `details` name the setting and its value (the caller's fault).
    """
    if len(content) > max_bytes:
        raise BodyTooLarge(
            f"The body has more than {max_bytes:,} bytes.",
            details={"limit": "SHANNON_OPENAI_BODY_MAX_BYTES", "max_bytes": max_bytes},
        )
    if len(content) > max_values and sum(map(content.count, _STARTS)) > max_values:
        raise BodyTooLarge(
            f"The body has more than {max_values:,} values.",
            details={"limit": "SHANNON_OPENAI_BODY_MAX_VALUES", "max_values": max_values},
        )
