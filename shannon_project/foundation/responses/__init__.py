"""OpenAI's Responses API (`/v1/responses`): what is asked, read as a chat, and answers in its shapes. Pure."""

from shannon_project.foundation.responses.asking import chat_format, chat_messages, chat_tool_choice, chat_tools
from shannon_project.foundation.responses.events import ResponseEvents
from shannon_project.foundation.responses.shapes import Answer, ResponseShape, Status, id_number, response_id

__all__ = [
    "Answer",
    "ResponseEvents",
    "ResponseShape",
    "Status",
    "chat_format",
    "chat_messages",
    "chat_tool_choice",
    "chat_tools",
    "id_number",
    "response_id",
]
