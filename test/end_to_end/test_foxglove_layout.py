"""The layout for Foxglove and Lichtblick names panels, topics and fields that exist."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from ament_index_python.packages import get_package_share_directory

from live_graph import LiveGraph
from waiting import wait_until

LAYOUT = Path(get_package_share_directory("odyssey_ros")) / "config" / "odyssey_foxglove.json"

# The panels of Foxglove and Lichtblick, and the keys of their settings.
PANELS = {
    "Image": {"imageMode"},
    "Publish": {
        *("topicName", "datatype", "value", "advancedView"),
        *("buttonText", "buttonTooltip", "buttonColor"),
    },
    "StateTransitions": {"paths", "isSynced"},
    "RawMessages": {
        *("topicPath", "expansion", "showFullMessageForDiff"),
        *("diffEnabled", "diffMethod", "diffTopicPath"),
    },
    "DiagnosticSummary": {"topicToRender", "hardwareIdFilter", "minLevel", "pinnedIds", "sortByLevel"},
}


@pytest.fixture(scope="module")
def layout():
    """The installed layout."""
    return json.loads(LAYOUT.read_text())


def _panels(node):
    if isinstance(node, str):
        return [node]
    assert node.keys() == {"direction", "first", "second", "splitPercentage"}
    assert node["direction"] in ("row", "column")
    assert 0 < node["splitPercentage"] < 100
    return [*_panels(node["first"]), *_panels(node["second"])]


def _panel(layout, kind):
    (settings,) = (value for key, value in layout["configById"].items() if key.startswith(f"{kind}!"))
    return settings


def _topics(layout):
    """Return the topics that the layout reads, each with a path in its messages."""
    paths = [
        _panel(layout, "Image")["imageMode"]["imageTopic"],
        _panel(layout, "RawMessages")["topicPath"],
        _panel(layout, "DiagnosticSummary")["topicToRender"],
        *(path["value"] for path in _panel(layout, "StateTransitions")["paths"]),
    ]
    return [path.partition(".")[::2] for path in paths]


def test_the_layout_has_the_parts_that_the_viewers_require(layout):
    assert layout.keys() == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
    assert layout["globalVariables"] == layout["userNodes"] == {}
    assert layout["playbackConfig"] == {"speed": 1}


def test_each_panel_is_shown_once_with_settings_that_exist(layout):
    assert sorted(_panels(layout["layout"])) == sorted(layout["configById"])
    for name, settings in layout["configById"].items():
        kind, _, number = name.partition("!")
        assert number
        assert settings.keys() <= PANELS[kind]
    assert {name.partition("!")[0] for name in layout["configById"]} == PANELS.keys()


def test_the_message_of_the_publish_panel_is_a_prompt(layout):
    panel = _panel(layout, "Publish")
    message = _type(panel["datatype"])()
    for field, value in json.loads(panel["value"]).items():
        assert field in message.get_fields_and_field_types()
        setattr(message, field, value)
    assert message.data


def test_topics_types_and_fields_are_those_of_the_node(layout, domain_id, tmp_path):
    with LiveGraph(domain_id, tmp_path, "--no-recordings") as graph:
        graph.wait_for_publishers(*(topic for topic, _ in _topics(layout)))
        prompt = _panel(layout, "Publish")["topicName"]
        (subscription,) = wait_until(
            lambda: graph.node.get_subscriptions_info_by_topic(prompt), f"a subscriber of {prompt}"
        )
        types = dict(graph.node.get_topic_names_and_types())
    assert subscription.topic_type == _panel(layout, "Publish")["datatype"]
    image = _panel(layout, "Image")["imageMode"]["imageTopic"]
    assert types[image] == ["foxglove_msgs/msg/CompressedVideo"]
    assert types[_panel(layout, "DiagnosticSummary")["topicToRender"]] == [
        "diagnostic_msgs/msg/DiagnosticArray"
    ]
    for topic, path in _topics(layout):
        (name,) = types[topic]
        if path:
            assert path in _type(name).get_fields_and_field_types()


def _type(name):
    package, _, kind = name.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), kind)
