"""Bodies in OpenAI's format that go to one model: every field works or is refused by name. Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from agents.direct.messages import messages_check, tool_choice_check, tools_check
from agents.direct.tokens import tokens_text
from agents.llm.types import ModelPurpose, ModelRequest
from agents.types import EMBEDDING_DIMENSIONS, OUTPUT_TOKENS_MAX
from shannon_project.foundation.errors import InvalidInput

CHOICES_MAX: Final = 8
MESSAGES_MAX: Final = 1000
TOOLS_MAX: Final = 128  # OpenAI's own limit
TEXTS_MAX: Final = 2048  # OpenAI's own limit of texts in one request for embeddings
DIMENSIONS_MAX: Final = 16_384  # more than any model has
BUILT_IN_EMBEDDER: Final = "wordllama"
DEFAULT_MAX_OUTPUT_TOKENS: Final = 4096
_REFUSED: Final[Mapping[str, str]] = {
    "audio": "answers are text",
    "function_call": "use tool_choice",
    "functions": "use tools",
    "logprobs": "probabilities of tokens are not told: not every provider has them",
    "modalities": "answers are text",
    "prediction": "it is not handed on",
    "top_logprobs": "probabilities of tokens are not told: not every provider has them",
    "web_search_options": "models do not search; a shannon-* model has tools",
}
_HANDED_ON: Final = (
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "user",
)

Tokens = list[int]
OutputTokens = Annotated[int, Field(ge=1, le=OUTPUT_TOKENS_MAX)]
_FORMATS: Final = ("text", "json_object", "json_schema")

Stop = str | Annotated[list[str], Field(max_length=4)]


class StrictBody(BaseModel):
    """A body of which every field is known; `refused` are fields of OpenAI's that are not available here, with why."""

    model_config = ConfigDict(extra="forbid", strict=True)
    refused: ClassVar[Mapping[str, str]] = _REFUSED

    @classmethod
    def of(cls, body: Any) -> Self:
        """Return the validated body.

        Raises:
            InvalidInput: A field is unknown, wrong or not available; `details.field` names it (the caller's fault).
        """
        if not isinstance(body, Mapping):
            raise InvalidInput("The body must be a JSON object.")
        for name, reason in cls.refused.items():
            if body.get(name) and name not in cls.model_fields:
                raise InvalidInput(f"{name}: is not available here: {reason}.", details={"field": name})
        try:
            return cls.model_validate({name: value for name, value in body.items() if name not in cls.refused})
        except ValidationError as error:
            raise _refusal(cls, error) from error


class StreamOptions(StrictBody):
    """`stream_options`."""

    include_usage: bool = False


class ChatBody(StrictBody):
    """`POST /v1/chat/completions`. What messages and tools say is the provider's to judge."""

    model: Annotated[str, Field(min_length=1, max_length=128)]
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MESSAGES_MAX)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: OutputTokens | None = None
    max_completion_tokens: OutputTokens | None = None
    n: Annotated[int, Field(ge=1, le=CHOICES_MAX)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: Stop | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    tools: Annotated[list[dict[str, Any]], Field(max_length=TOOLS_MAX)] | None = None
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: Annotated[str, Field(max_length=16)] | None = None
    user: Annotated[str, Field(max_length=128)] | None = None

    @field_validator("messages")
    @classmethod
    def _nothing_is_fetched(cls, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Take what has the form of messages, and pictures as data only."""
        messages_check(messages)
        pictures_check(messages)
        return messages

    @field_validator("tools")
    @classmethod
    def _only_functions(cls, tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        """Take functions of the caller only."""
        tools_check(tools or ())
        return tools

    @field_validator("tool_choice")
    @classmethod
    def _known_choice(cls, choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
        """Take a word, or one of the caller's functions."""
        tool_choice_check(choice)
        return choice

    @field_validator("response_format")
    @classmethod
    def _known_format(cls, form: dict[str, Any] | None) -> dict[str, Any] | None:
        """Take the forms that there are."""
        if form is not None and form.get("type") not in _FORMATS:
            raise ValueError(f"type must be one of {', '.join(_FORMATS)}")
        return form

    @property
    def includes_usage(self) -> bool:
        """Whether a last piece of the stream tells what was used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    def model_request(self) -> ModelRequest:
        """Return what the model is asked."""
        kind = (self.response_format or {}).get("type")
        options = {name: value for name in _HANDED_ON if (value := getattr(self, name)) is not None}
        return ModelRequest(
            messages=self.messages,
            tools=self.tools or None,
            response_format=None if kind in (None, "text") else self.response_format,
            model_override=self.model,
            temperature=1.0 if self.temperature is None else self.temperature,  # OpenAI's default
            max_output_tokens=self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_OUTPUT_TOKENS,
            purpose=ModelPurpose.CHAT,
            options=options,
        )


class CompletionBody(StrictBody):
    """`POST /v1/completions`: a prompt is asked as a user's message."""

    model: Annotated[str, Field(min_length=1, max_length=128)]
    prompt: Annotated[str, Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: OutputTokens | None = None
    n: Annotated[int, Field(ge=1, le=CHOICES_MAX)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: Stop | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    user: Annotated[str, Field(max_length=128)] | None = None

    @field_validator("prompt", mode="before")
    @classmethod
    def _one_text(cls, asked: Any) -> Any:
        """Say what to do to whose client sends tokens: each model reads another encoding, so they tell no text."""
        if isinstance(asked, list):
            why = "one text is taken: send tokens as the text that they stand for, and several prompts apart"
            raise ValueError(why)  # noqa: TRY004 - what pydantic makes a refusal of
        return asked

    def as_chat(self) -> ChatBody:
        """Return the chat that asks the same."""
        values = {name: value for name, value in self.__dict__.items() if name != "prompt"}
        return ChatBody.model_construct(**values, messages=[{"role": "user", "content": self.prompt}])


class EmbeddingsBody(StrictBody):
    """`POST /v1/embeddings`: texts, or the token ids of texts."""

    model: Annotated[str, Field(min_length=1, max_length=128)]
    input: Annotated[str, Field(min_length=1)] | list[str] | Tokens | list[Tokens]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Field(ge=1, le=DIMENSIONS_MAX)] | None = None
    user: Annotated[str, Field(max_length=128)] | None = None

    @field_validator("dimensions")
    @classmethod
    def _as_the_model_has(cls, dimensions: int | None, info: ValidationInfo) -> int | None:
        """Take no other than its own of the built-in model; others may be able to shorten their vectors."""
        is_built_in = info.data.get("model") == BUILT_IN_EMBEDDER
        if is_built_in and dimensions not in {None, EMBEDDING_DIMENSIONS}:
            raise ValueError(f"{BUILT_IN_EMBEDDER} has {EMBEDDING_DIMENSIONS}")
        return dimensions

    @field_validator("input", mode="before")
    @classmethod
    def _some_texts(cls, asked: Any) -> Any:
        """Say what is wrong with a list."""
        if not isinstance(asked, list) or _are_tokens(asked):
            return asked
        kinds = {Tokens if _are_tokens(part) else type(part) for part in asked}
        if len(kinds) > 1 or not kinds <= {str, Tokens}:
            raise ValueError("a text, the token ids of one, or a list of either")
        if len(asked) > TEXTS_MAX or not asked:
            raise ValueError(f"at least one text and at most {TEXTS_MAX}, these are {len(asked)}")
        if "" in asked:
            raise ValueError(f"text {asked.index('')} is empty")  # providers refuse the whole list for one
        return asked

    def texts(self) -> Sequence[str]:
        """Return the texts, one or many. Not on an event loop: token ids are made texts.

        Raises:
            InvalidInput: A number is no token (the caller's fault).
        """
        many: Any = [self.input] if isinstance(self.input, str) or _are_tokens(self.input) else self.input
        try:
            return [part if isinstance(part, str) else tokens_text(part) for part in many]
        except ValueError as error:
            raise InvalidInput(f"input: {error}.", details={"field": "input"}) from error


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(part) is int for part in value)


def pictures_check(messages: Sequence[Mapping[str, Any]]) -> None:
    """Take pictures as data only: an address would be fetched around the guard for outgoing requests.

    Raises:
        ValueError: There is an address (the caller's fault).
    """
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            picture = part.get("image_url") if isinstance(part, Mapping) else None
            url = picture.get("url") if isinstance(picture, Mapping) else picture
            if url is not None and not str(url).startswith("data:"):
                raise ValueError("pictures are sent as data: URLs; addresses are not fetched here")


def _refusal(body: type[BaseModel], error: ValidationError) -> InvalidInput:
    problem = error.errors()[0]
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        allowed = sorted(body.model_fields)
        return InvalidInput(
            f"Unknown field: {field[:100]}. Allowed: {', '.join(allowed)}.",
            details={"field": field[:100], "unknown": [field[:100]], "allowed": allowed},
        )
    return InvalidInput(f"{field}: {problem['msg']}.", details={"field": field})
