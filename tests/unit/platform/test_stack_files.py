"""Files of the local stack: private, whole, and readable by those who read them."""

from configparser import RawConfigParser
from pathlib import Path

from shannon_project.stack.paths import StackPaths, json_read, private_write
from shannon_project.stack.roles import Role, app_roles, supervisor_config
from shannon_project.stack.state import state_of


def test_a_private_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("old")
    path.chmod(0o644)
    private_write(path, "new")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["env"]


def test_a_broken_state_file_is_no_state(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    assert state_of(paths) is None
    paths.state.write_text("{")
    assert json_read(paths.state) is None
    paths.state.write_text('{"base_url": "http://127.0.0.1:1"}')
    assert state_of(paths) is None


def test_the_supervisors_configuration_stops_ours_before_the_servers(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    apps = app_roles(
        paths,
        web_port=1,
        gateway_port=3,
        flower_port=2,
        worker_processes=2,
        worker_threads=3,
        control_threads=1,
        broker_url="redis://:p%@h/0",
    )
    text = supervisor_config(
        paths, servers=[Role("valkey", ["v", "a b"])], apps=apps, rpc_port=4, rpc_password="p", owner_pid=None
    )
    parser = RawConfigParser()
    parser.read_string(text)
    assert int(parser["group:app"]["priority"]) > int(parser["group:servers"]["priority"])
    assert parser["program:valkey"]["command"] == '"v" "a b"'
    assert parser["program:worker"]["autostart"] == "false"
    assert (
        '"--queues" "steps" "--threads" "3" "--name" "worker" "--processes" "2"' in parser["program:worker"]["command"]
    )
    assert "owner_pid" not in parser["rpcinterface:stack"]
