"""The parameters of the spectator."""

from __future__ import annotations

from dataclasses import fields

from odyssey_ros.bridge import bridge_parameters, spectator_parameters


def test_settings_and_values_have_the_same_names():
    names = [setting.name for setting in spectator_parameters.SETTINGS]
    assert names == [field.name for field in fields(spectator_parameters.SpectatorParameters)]


def test_shared_settings_are_those_of_the_bridge():
    bridge = {setting.name: setting for setting in bridge_parameters.SETTINGS}
    shared = [one for one in spectator_parameters.SETTINGS if one.name in spectator_parameters.SHARED]
    assert {setting.name for setting in shared} == spectator_parameters.SHARED
    assert all(bridge[setting.name] is setting for setting in shared)
