"""Settings of the agents app; units are in the names."""

import json

from shannon_project.settings.env import BASE_DIR, ENV

SHANNON_MODEL = ENV.model  # litellm name that serves every tier; empty: the catalogue decides
SHANNON_MODEL_API_BASE = ENV.model_api_base  # where SHANNON_MODEL is served; empty: at its provider
SHANNON_MODEL_API_KEY = ENV.model_api_key.get_secret_value()  # for SHANNON_MODEL_API_BASE; empty: it needs none
SHANNON_MODELS_ALLOWED = tuple(name.strip() for name in ENV.models_allowed.split(",") if name.strip())
SHANNON_MODEL_CATALOGUE_PATH = BASE_DIR / "shannon_project" / "config" / "models.yaml"
SHANNON_MODEL_GATEWAY = "agents.llm.gateway.LitellmGateway"  # dotted path of a `ModelGateway`
SHANNON_MODEL_TIMEOUT_SECONDS = ENV.model_timeout_seconds  # one attempt at a model call, first byte to last
SHANNON_MODEL_CONNECT_TIMEOUT_SECONDS = 10.0
SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS = ENV.model_first_token_timeout_seconds  # of a streamed answer
SHANNON_MODEL_BETWEEN_TOKENS_TIMEOUT_SECONDS = 30.0  # of a streamed answer
SHANNON_MODEL_ATTEMPTS = 3  # of one model call, while failures are passing ones and no text was streamed
SHANNON_MODEL_RETRY_BASE_SECONDS = 0.5  # doubled for each attempt, unless the provider says when
SHANNON_MODEL_RETRY_MAX_SECONDS = 30.0  # a provider that wants a longer pause fails the call instead
SHANNON_MODEL_GATE = "agents.llm.gate.valkey.ValkeyGate"  # dotted path of a `Gate`
SHANNON_MODEL_RATE_PERIOD_SECONDS = 60.0  # what "per minute" of a model's limits means
SHANNON_MODEL_RATE_PAUSE_SECONDS = 1.0  # a provider that limits us and does not say for how long is left alone so long
SHANNON_MODEL_WAIT_MAX_SECONDS = 120.0  # a call waits no longer than this for a turn under the limits of a model …
SHANNON_MODEL_WAIT_SHARE = 0.8  # … nor for more than this share of the time that its step has left
SHANNON_MODEL_BREAKER_FAILURES = 5  # of one model with one key, one after another …
SHANNON_MODEL_BREAKER_WINDOW_SECONDS = 60.0  # … none longer than this after the one before …
SHANNON_MODEL_BREAKER_COOLDOWN_SECONDS = 10.0  # … and it is left alone for this long, then tried by one call
SHANNON_MODEL_BREAKER_COOLDOWN_MAX_SECONDS = 300.0  # doubled for each trial that fails, up to this
SHANNON_MODEL_CACHE_SECONDS = ENV.model_cache_seconds  # how long an answer is given again; 0: never
SHANNON_MODEL_CACHE_ANSWER_MAX_BYTES = 64 * 1024  # of JSON; larger answers are not kept
SHANNON_MODEL_FLIGHT_SECONDS = (
    30.0  # how long the answer to the same request is waited for that another call is getting
)
SHANNON_MODEL_REDACTOR = "agents.llm.redaction.keys_redacted"  # dotted path; what it leaves of a text may be kept
SHANNON_MODEL_ANSWER_MAX_CHARACTERS = 800_000  # of one answer; the journal keeps 1 MiB
SHANNON_MODEL_EVENT_TEXT_MAX_CHARACTERS = 20_000  # of a model's text kept in its event
SHANNON_GATEWAY_CALLS_MAX = ENV.gateway_calls_max
SHANNON_OFFLINE_LATENCY_SECONDS = ENV.offline_latency_seconds  # the offline model waits this long, for load tests

SHANNON_INLINE_MAX_BYTES = 64 * 1024  # bytes of JSON in a row; of a larger value the large parts are stored as blobs
SHANNON_BLOB_MAX_BYTES = 16 * 1024 * 1024  # of one blob
SHANNON_JOURNAL_RESPONSE_MAX_BYTES = 1024 * 1024  # bytes of JSON; an effect that returns more fails
SHANNON_TOOL_OUTPUT_MAX_BYTES = 64 * 1024  # bytes of JSON that a model is shown of one tool call
SHANNON_TOOL_CALLS_AT_ONCE = 8  # of one turn of one agent
SHANNON_TOOL_LIMITS = json.loads(
    ENV.tool_limits
)  # name -> {"calls_per_minute", "cache_seconds"}, before the tool's own
SHANNON_TOOL_RATE_WAIT_SECONDS = 5.0  # how long a call waits for its turn before the model is told
SHANNON_TOOL_CACHE_MAX_BYTES = 256 * 1024  # of one answer that is kept
SHANNON_TOOL_UNKNOWN_OUTCOME: dict[str, str] = {}  # by tool: fail, ask or retry when nobody knows if a call happened
SHANNON_EMBEDDER = "agents.memory.wordllama.WordllamaEmbedder"  # dotted path of an `Embedder`
SHANNON_MEMORY_CONTENT_MAX_CHARACTERS = 4_000
SHANNON_DEPENDENCY_MAX_CHARACTERS = 6_000  # of one result that a subtask builds on
SHANNON_DEPENDENCIES_MAX_CHARACTERS = 40_000  # of all of them together
SHANNON_HISTORY_MAX_MESSAGES = 20
SHANNON_HISTORY_MESSAGE_MAX_CHARACTERS = 4_000
SHANNON_WORKSPACE_OVERVIEW_MAX_CHARACTERS = 6_000
SHANNON_TOOLS = [  # dotted paths of `Tool` classes
    "agents.tools.builtin.ask_human.AskHumanTool",
    "agents.tools.builtin.browser.BrowserTool",
    "agents.tools.builtin.calculator.CalculatorTool",
    "agents.tools.builtin.code.CodeTool",
    "agents.tools.builtin.current_time.CurrentTimeTool",
    "agents.tools.builtin.file_delete.FileDeleteTool",
    "agents.tools.builtin.file_diff.FileDiffTool",
    "agents.tools.builtin.file_edit.FileEditTool",
    "agents.tools.builtin.file_list.FileListTool",
    "agents.tools.builtin.file_read.FileReadTool",
    "agents.tools.builtin.file_search.FileSearchTool",
    "agents.tools.builtin.file_write.FileWriteTool",
    "agents.tools.builtin.http_fetch.HttpFetchTool",
    "agents.tools.builtin.javascript.JavascriptTool",
    "agents.tools.builtin.json_query.JsonQueryTool",
    "agents.tools.builtin.memory_save.MemorySaveTool",
    "agents.tools.builtin.memory_search.MemorySearchTool",
    "agents.tools.builtin.output_read.OutputReadTool",
    "agents.tools.builtin.python.PythonTool",
    "agents.tools.builtin.skill_read.SkillReadTool",
    "agents.tools.builtin.skill_run.SkillRunTool",
    "agents.tools.builtin.table_query.TableQueryTool",
    "agents.tools.builtin.table_statistics.TableStatisticsTool",
    "agents.tools.builtin.wasm_run.WasmRunTool",
    "agents.tools.builtin.web_search.WebSearchTool",
]

SHANNON_BROWSER = "agents.tools.browsing.chromium.ChromiumBrowser"  # dotted path of a `Browser`
SHANNON_BROWSER_EXECUTABLE = ENV.browser_executable
SHANNON_BROWSERS_AT_ONCE = 2  # per process; one takes about 300 MB
SHANNON_BROWSER_MAX_BYTES = 50 * 1024 * 1024  # that one visit may read, with all parts of its pages

SHANNON_CODE_CALLS_MAX = 200  # of other tools by one program of the tool `code`
SHANNON_CODE_SECONDS = 60.0  # that such a program may work in all, without the time of the tools that it calls
SHANNON_CODE_VALUE_MAX_BYTES = 1024 * 1024  # JSON of one call that a program makes, or of what it returns
SHANNON_CODE_STATE_MAX_BYTES = 512 * 1024  # of an interpreter's state in the journal; with more, it is not kept

SHANNON_TOOL_SOURCES = [  # dotted paths of `ToolSource` classes
    "agents.tools.mcp.source.McpSource",
    "agents.tools.openapi.source.OpenApiSource",
    "agents.tools.own.source.OwnSource",
]
SHANNON_OWN_TOOLS_MAX = 50  # of one tenant
SHANNON_OPENAPI_TIMEOUT_SECONDS = 60.0  # the most that a call of an API's operation may take
SHANNON_OPENAPI_APIS_MAX = 20  # of one tenant
SHANNON_OPENAPI_TOOLS_MAX = 128  # of one API; the others are left out, and the report says so
SHANNON_OPENAPI_DOCUMENT_MAX_BYTES = 4 * 1024 * 1024  # fetched, SHANNON_HTTP_MAX_BYTES holds too
SHANNON_TENANT_TOOLS_CACHE_SECONDS = 30.0  # how long what a tenant registered is kept at most while nothing changes
SHANNON_MCP_CONNECTOR = "agents.tools.mcp.sdk.SdkConnector"  # dotted path of an `McpConnector`
SHANNON_MCP_TIMEOUT_SECONDS = 60.0  # the most that a call of an MCP server's tool may take
SHANNON_MCP_DISCOVERY_SECONDS = 15.0  # the most that asking a server for its tools may take
SHANNON_MCP_REFRESH_SECONDS = 300.0  # how long what a server offered counts before it is asked again
SHANNON_MCP_SERVERS_MAX = 20  # of one tenant
SHANNON_MCP_TOOLS_MAX = 128  # of one server; the others are left out
SHANNON_MCP_STDIO_SERVERS = json.loads(ENV.mcp_stdio_servers)  # name -> {"command", "args", "env", "tenants"}
SHANNON_ROLES_MAX = 50  # of one tenant, beside the shipped ones
SHANNON_TENANT_TOOLS_CACHED_TENANTS = 1_000  # per process

SHANNON_SKILLS_MAX = 100  # versions of skills of one tenant, beside those of the folders
SHANNON_SKILLS_DIRS = [BASE_DIR / "agents" / "skills" / "library"]  # later ones replace earlier ones
if ENV.skills_dir:
    SHANNON_SKILLS_DIRS.append(ENV.skills_dir)

# Search engines of the tool `web_search`; the first that is set answers.
SHANNON_SEARXNG_URL = ENV.searxng_url
SHANNON_TAVILY_API_KEY = ENV.tavily_api_key.get_secret_value()
SHANNON_BRAVE_API_KEY = ENV.brave_api_key.get_secret_value()
SHANNON_SERPER_API_KEY = ENV.serper_api_key.get_secret_value()
