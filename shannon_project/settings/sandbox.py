"""Settings of the sandbox app; units are in the names."""

from shannon_project.settings.env import ENV

SHANNON_SANDBOX_RUNTIME = ENV.sandbox_runtime
SHANNON_SANDBOX_FAST_RUNTIME = ENV.sandbox_fast_runtime
SHANNON_SANDBOX_SQL_RUNTIME = "sandbox.runtimes.duckdb_sql.DuckdbRuntime"  # dotted path of the `Runtime` for tables
SHANNON_SANDBOX_PROGRAM_RUNTIME = ENV.sandbox_program_runtime
SHANNON_SANDBOX_HOSTS = ENV.sandbox_hosts
SHANNON_SANDBOX_CACHE_DIR = ENV.sandbox_cache_dir or ENV.local_dir / "sandbox-cache"

# One program. Its files are those of a workspace, so their limits are the same.
SHANNON_SANDBOX_WALL_SECONDS = ENV.sandbox_wall_seconds
SHANNON_SANDBOX_WAIT_SECONDS = ENV.sandbox_wait_seconds
SHANNON_SANDBOX_MEMORY_BYTES = ENV.sandbox_memory_bytes
SHANNON_SANDBOX_OUTPUT_BYTES = ENV.sandbox_output_bytes
SHANNON_SANDBOX_NETWORK_HOSTS = ENV.sandbox_network_hosts
SHANNON_SANDBOX_FILE_COUNT = ENV.workspace_max_files
SHANNON_SANDBOX_FILE_BYTES = ENV.workspace_max_bytes
SHANNON_SANDBOX_CODE_MAX_BYTES = 1024 * 1024  # a program's source text
SHANNON_SANDBOX_STDIN_MAX_BYTES = 8 * 1024 * 1024

# Modules of tenants
SHANNON_SANDBOX_MODULE_MAX_BYTES = 16 * 1024 * 1024
SHANNON_SANDBOX_MODULES_MAX = 50  # of one tenant

# One sandbox host
SHANNON_SANDBOX_START_SECONDS = 180.0  # to start and load its guest; the first on a machine compiles it, 6 s when idle
SHANNON_SANDBOX_GRACE_SECONDS = 0.2  # beyond a program's wall_seconds; then the host is killed
SHANNON_SANDBOX_HOST_RUNS = 200  # wasmer-sdk leaves one idle thread behind each run; a new host starts without them
SHANNON_SANDBOX_FAST_HOST_RUNS = 5_000  # the same for the fast lane, which leaves nothing behind
SHANNON_SANDBOX_HOST_RSS_BYTES = 768 * 1024 * 1024  # a host with more resident memory after a run is replaced
SHANNON_SANDBOX_HOST_MEMORY_BYTES = 4 * 1024**3  # RLIMIT_DATA; thread stacks count, although mostly untouched

# Workspaces
SHANNON_WORKSPACE_DIR = ENV.workspace_dir or ENV.local_dir / "workspaces"
SHANNON_WORKSPACE_STORAGE = ENV.workspace_storage
SHANNON_WORKSPACE_STORAGE_OPTIONS = ENV.workspace_storage_options
SHANNON_WORKSPACE_MAX_FILES = ENV.workspace_max_files
SHANNON_WORKSPACE_MAX_BYTES = ENV.workspace_max_bytes
SHANNON_WORKSPACE_FILE_MAX_BYTES = ENV.workspace_file_max_bytes
