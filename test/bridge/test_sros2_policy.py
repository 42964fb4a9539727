"""The example policy for SROS 2 allows each node what it has on the graph, and clients nothing else."""

from __future__ import annotations

import fnmatch
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.dom import minidom

import pytest
from ament_index_python.packages import get_package_share_directory

from console_client import ConsoleClient
from small_video import write_video

POLICY = Path(get_package_share_directory("odyssey_ros")) / "config" / "sros2_policy.xml"
ENCLAVES = {
    "/odyssey/" + name
    for name in ("bridge", "spectator", "player", "viewer", "prompter", "console", "operator")
}
NODES = {"bridge": "odyssey", "spectator": "spectator", "player": "player"}
ACTION_SERVICES = ("cancel_goal", "get_result", "send_goal")
ACTION_TOPICS = ("feedback", "status")
UNREACHABLE = "http://127.0.0.1:9"
RESTRICTED = {
    "set_parameters",
    "set_parameters_atomically",
    "change_state",
    "set_camera_info",
    "create_client_credentials",
    "get_broadcast",
    "get_recording",
    "list_recordings",
    "submit_simulation_job",
    "get_simulation_job",
    "list_simulation_jobs",
    "cancel_simulation_job",
}


def read_policy() -> dict[str, dict[str, set[str]]]:
    """Return the absolute names that each enclave allows, by the kind of access."""
    allowed: dict[str, dict[str, set[str]]] = {}
    for enclave in ET.parse(POLICY).getroot().iter("enclave"):
        rules = allowed.setdefault(enclave.attrib["path"], {})
        for profile in enclave.iter("profile"):
            node = profile.attrib["ns"].rstrip("/") + "/" + profile.attrib["node"]
            for group in profile:
                ((access, rule),) = group.attrib.items()
                assert rule == "ALLOW"
                names = {(item.text or "").replace("~", node) for item in group}
                assert all(name.startswith("/") for name in names)
                rules.setdefault(access, set()).update(names)
    return allowed


@pytest.fixture(scope="module")
def policy() -> dict[str, dict[str, set[str]]]:
    """The installed policy."""
    return read_policy()


def names_of(probe, kind: str, node: str) -> set[str]:
    """Return the names of the publishers, subscribers, services or clients of a node."""
    return {name for name, _types in getattr(probe.node, f"get_{kind}_names_and_types_by_node")(node, "/")}


def test_the_policy_has_an_enclave_for_each_node_and_each_kind_of_client(policy):
    assert policy.keys() == ENCLAVES


@pytest.mark.parametrize("name", sorted(NODES))
def test_a_node_has_on_the_graph_what_its_enclave_allows(
    policy, probe, start_node, tmp_path, wait_until, name
):
    node, rules = NODES[name], policy[f"/odyssey/{name}"]
    parameters = {
        "bridge": {"api_url": UNREACHABLE, "use_sim_time": True},
        "spectator": {"webrtc_url": f"{UNREACHABLE}/whep/none", "use_sim_time": True},
        "player": {"video_file": write_video(tmp_path / "video.mp4"), "publish_clock": True},
    }[name]
    secrets = {"ODYSSEY_API_KEY": "ody_policy_key", "ODYSSEY_SPECTATOR_TOKEN": "policy_token"}
    start_node(name, parameters, environment=secrets)
    actions = rules.get("execute", set())
    published = rules["publish"] | {f"{name}/_action/{part}" for name in actions for part in ACTION_TOPICS}
    served = rules["reply"] | {f"{name}/_action/{part}" for name in actions for part in ACTION_SERVICES}

    def publishes_all() -> bool:
        nodes = {found for found, _namespace in probe.node.get_node_names_and_namespaces()}
        return node in nodes and published - {"/tf_static"} <= names_of(probe, "publisher", node)

    wait_until(publishes_all, lambda: f"what {node} publishes")
    wait_until(lambda: served <= names_of(probe, "service", node), lambda: f"the services of {node}")
    assert names_of(probe, "publisher", node) <= published
    assert names_of(probe, "service", node) == served
    # The player either publishes /clock or subscribes to /clock.
    needed = rules["subscribe"] - ({"/clock"} & published)
    wait_until(lambda: needed <= names_of(probe, "subscriber", node), f"what {node} subscribes to")
    assert names_of(probe, "subscriber", node) <= rules["subscribe"]
    assert names_of(probe, "client", node) == set()


@pytest.mark.parametrize("client", ["viewer", "prompter"])
def test_a_client_that_is_not_the_operator_cannot_configure_a_node_or_receive_a_secret(policy, client):
    rules = policy[f"/odyssey/{client}"]
    requests = rules.get("request", set())
    for node in NODES.values():
        for service in RESTRICTED:
            assert not any(fnmatch.fnmatchcase(f"/{node}/{service}", allowed) for allowed in requests)
    assert "call" not in rules
    served = policy["/odyssey/bridge"]["reply"]
    assert {f"/odyssey/{service}" for service in RESTRICTED} <= served  # each name above exists


def test_nothing_but_enclaves_is_among_the_enclaves():
    """SROS 2 takes each node of the document for an enclave, also a comment."""
    document = minidom.parse(str(POLICY))
    (enclaves,) = document.getElementsByTagName("enclaves")
    kinds = {node.nodeName for node in enclaves.childNodes if node.nodeType != node.TEXT_NODE}
    assert kinds == {"enclave"}


def test_the_console_needs_no_more_than_its_enclave_allows(policy, probe, start_node, wait_until):
    """While a page watches each of the nodes; what it may call is what the page offers."""
    rules = policy["/odyssey/console"]
    start_node("bridge", {"api_url": UNREACHABLE}, environment={"ODYSSEY_API_KEY": "ody_policy_key"})
    process = start_node("console", {"port": 0, "use_sim_time": True})
    wait_until(lambda: "Console at " in process.text, lambda: f"the console; its output: {process.text}")
    with ConsoleClient(process.text.partition("Console at ")[2].split()[0], "/odyssey") as client:
        client.wait_for(lambda state: state.get("status"), "the status of the bridge")
        wait_until(lambda: "console" in probe.node.get_node_names(), "the console on the graph")
        needed = {"/odyssey/status", "/odyssey/events", "/odyssey/transition_event", "/diagnostics", "/clock"}
        wait_until(lambda: needed <= names_of(probe, "subscriber", "console"), "its subscriptions")
        assert names_of(probe, "subscriber", "console") <= rules["subscribe"]
        wait_until(lambda: rules["publish"] <= names_of(probe, "publisher", "console"), "its publishers")
        wait_until(lambda: rules["reply"] <= names_of(probe, "service", "console"), "its services")
        assert names_of(probe, "publisher", "console") == rules["publish"]
        assert names_of(probe, "service", "console") == rules["reply"]
        assert names_of(probe, "client", "console") <= rules["request"]
    assert rules["call"] == policy["/odyssey/bridge"]["execute"]
    for name in NODES:
        assert rules["request"] & set(policy[f"/odyssey/{name}"]["reply"])
    offered = set().union(*(policy[f"/odyssey/{name}"]["reply"] for name in NODES))
    assert rules["request"] <= offered  # each name exists
    assert rules["subscribe"] <= set().union(*(policy[f"/odyssey/{name}"]["publish"] for name in NODES))
    assert not any(
        name.endswith(("credentials", "get_broadcast", "set_parameters")) for name in rules["request"]
    )


def test_only_the_prompter_and_the_operator_may_prompt(policy):
    may = {path for path, rules in policy.items() if "/odyssey/prompt" in rules["publish"]}
    assert may == {"/odyssey/prompter", "/odyssey/operator"}


def test_the_operator_may_call_every_service_of_every_node(policy):
    requests = policy["/odyssey/operator"]["request"]
    for name in NODES:
        for service in policy[f"/odyssey/{name}"]["reply"]:
            assert any(fnmatch.fnmatchcase(service, allowed) for allowed in requests)
    assert policy["/odyssey/operator"]["call"] == policy["/odyssey/bridge"]["execute"]
