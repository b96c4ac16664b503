"""Bodies and answers of the file endpoints."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer

_PATH_MAX = 1024


class FileListQuery(StrictSerializer):
    """Which folder of the workspace is listed."""

    path = serializers.CharField(required=False, default="", allow_blank=True, max_length=1024)


class FileQuery(StrictSerializer):
    """How a file is read."""

    raw = serializers.BooleanField(required=False, default=False, help_text="The bytes as they are, not JSON.")


class FileSearchQuery(StrictSerializer):
    """What is searched for in the files."""

    query = serializers.CharField(min_length=1, max_length=1000, trim_whitespace=False, help_text="A plain text.")
    pattern = serializers.CharField(required=False, default="*", max_length=_PATH_MAX, help_text="`*.py`, `src/*`")
    ignore_case = serializers.BooleanField(required=False, default=True)
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=1000)


class FileDiffQuery(StrictSerializer):
    """Which files are compared."""

    path = serializers.CharField(max_length=_PATH_MAX)
    other = serializers.CharField(max_length=_PATH_MAX)


class FileEditBody(StrictSerializer):
    """What is replaced in which file."""

    path = serializers.CharField(max_length=_PATH_MAX)
    old = serializers.CharField(trim_whitespace=False, max_length=1_000_000, help_text="Exactly as it is there.")
    new = serializers.CharField(trim_whitespace=False, allow_blank=True, max_length=1_000_000)
    replace_all = serializers.BooleanField(required=False, default=False)


class FileAnswer(serializers.Serializer[Any]):
    """A file or folder of a workspace."""

    name = serializers.CharField()
    path = serializers.CharField()
    is_dir = serializers.BooleanField()
    size_bytes = serializers.IntegerField()


class FileListAnswer(serializers.Serializer[Any]):
    """What is in a folder."""

    success = serializers.BooleanField()
    files = FileAnswer(many=True)


class FileContentAnswer(serializers.Serializer[Any]):
    """A file's content: text as it is, anything else in base64 (`encoding` says which)."""

    success = serializers.BooleanField()
    path = serializers.CharField()
    content = serializers.CharField()
    content_type = serializers.CharField()
    encoding = serializers.ChoiceField(choices=["utf-8", "base64"])
    size_bytes = serializers.IntegerField()


class FileWrittenAnswer(serializers.Serializer[Any]):
    """A file that was put into the workspace."""

    success = serializers.BooleanField()
    session_id = serializers.UUIDField()
    path = serializers.CharField()
    size_bytes = serializers.IntegerField()


class MemoryFileWrittenAnswer(serializers.Serializer[Any]):
    """A memory file that was written."""

    success = serializers.BooleanField()
    path = serializers.CharField()
    size_bytes = serializers.IntegerField()


class FileMatchAnswer(serializers.Serializer[Any]):
    """A line that contains what was searched for; `line` counts from 1."""

    path = serializers.CharField()
    line = serializers.IntegerField()
    text = serializers.CharField()


class FileSearchAnswer(serializers.Serializer[Any]):
    """The lines found, by path and line."""

    success = serializers.BooleanField()
    matches = FileMatchAnswer(many=True)
    files_searched = serializers.IntegerField()
    more = serializers.BooleanField(help_text="There are matches above the limit.")


class FileDiffAnswer(serializers.Serializer[Any]):
    """A unified diff; empty when nothing differs."""

    success = serializers.BooleanField()
    diff = serializers.CharField()
