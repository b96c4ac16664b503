"""What others build on OpenAI's protocol: LangChain and pydantic-ai, with tools."""

from typing import Any

import pytest
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from tests.integration.agents.llm.providers import Provider, whole
from tests.integration.api.callers import Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gateway_url")]

CALLS = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]


def test_langchain_asks_streams_and_calls_tools(base_url: str, caller: Caller, provider: Provider) -> None:
    @tool
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"

    def chat(model: str) -> ChatOpenAI:
        return ChatOpenAI(model=model, base_url=f"{base_url}/v1", api_key=SecretStr(caller.key), max_retries=0)

    assert "391" in str(chat("shannon-chat").invoke("What is 17 * 23?").content)
    assert "391" in "".join(str(piece.content) for piece in chat("shannon-chat").stream("What is 17 * 23?"))
    provider.body = whole(None, tool_calls=CALLS)
    answer: Any = chat("openai/loopback-m").bind_tools([weather]).invoke("How is the weather in Oslo?")
    assert answer.tool_calls[0]["args"] == {"city": "Oslo"}
    assert answer.usage_metadata["total_tokens"] == 18


async def test_pydantic_ai_runs_an_agent_with_a_tool(base_url: str, caller: Caller, provider: Provider) -> None:
    def weather(city: str) -> str:
        """Tell the weather of a city."""
        provider.body = whole("It rains in Oslo.")
        return f"rain in {city}"

    connection = OpenAIProvider(base_url=f"{base_url}/v1", api_key=caller.key)
    provider.body = whole(None, tool_calls=CALLS)
    agent = Agent(OpenAIChatModel("openai/loopback-m", provider=connection), tools=[weather])
    result = await agent.run("How is the weather in Oslo?")
    assert result.output == "It rains in Oslo."
    assert [message["role"] for message in provider.asked[1]["messages"]][-2:] == ["assistant", "tool"]
    platform = Agent(OpenAIChatModel("shannon-chat", provider=connection))
    assert "391" in (await platform.run("What is 17 * 23?")).output
