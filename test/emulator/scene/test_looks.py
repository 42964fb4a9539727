"""Looks: which words choose which properties."""

from __future__ import annotations

import numpy as np
import pytest

from odyssey_ros.emulator.scene.looks import Kind, Light, Look, Weather


def test_words_choose_the_look():
    look = Look.from_prompt("Rainy streets of TOKYO at night, a red umbrella")
    assert (look.kind, look.light, look.weather) == (Kind.CITY, Light.NIGHT, Weather.RAIN)
    red, green, blue = look.accent()
    assert red > 2 * green
    assert red > 2 * blue


def test_the_first_word_of_a_property_counts():
    assert Look.from_prompt("a ship in the desert").kind is Kind.OCEAN
    assert Look.from_prompt("a desert with a ship").kind is Kind.DESERT


@pytest.mark.parametrize("prompt", ["mountains", "beaches and waves", "Foxes!", "lakes"])
def test_plurals_are_recognised(prompt):
    assert Look.from_prompt(prompt).kind in {Kind.MOUNTAINS, Kind.OCEAN, Kind.FOREST}


def test_unknown_words_reach_every_kind_and_several_lights():
    looks = [Look.from_prompt(f"xyz{index}") for index in range(200)]
    assert {look.kind for look in looks} == set(Kind)
    assert {look.light for look in looks} == {Light.DAY, Light.SUNSET, Light.DAWN}
    assert {look.weather for look in looks} == {Weather.CLEAR}


def test_a_prompt_changes_the_properties_that_it_names():
    look = Look.from_prompt("a city at night")
    after = look.after("snow comes down")
    assert (after.kind, after.light, after.weather) == (Kind.CITY, Light.NIGHT, Weather.SNOW)
    assert look.after("we reach the beaches").kind is Kind.OCEAN
    assert after.seed != look.seed


def test_a_prompt_that_names_no_property_advances_the_time_of_day():
    look = Look.from_prompt("a city at night")
    lights = []
    for _ in range(4):
        look = look.after("jump")
        lights.append(look.light)
    assert lights == [Light.DAY, Light.DAWN, Light.SUNSET, Light.NIGHT]


def test_a_prompt_that_names_the_present_time_of_day_keeps_it():
    look = Look.from_prompt("a city at night")
    assert look.after("still night").light is Light.NIGHT


def test_a_repeated_prompt_changes_the_seed_each_time():
    look = Look.from_prompt("a city at night")
    first = look.after("at night")
    assert len({look.seed, first.seed, first.after("at night").seed}) == 3


def test_the_same_prompt_gives_the_same_random_numbers():
    first, second = (Look.from_prompt("a harbour").rng() for _ in range(2))
    assert np.array_equal(first.uniform(0, 1, 10), second.uniform(0, 1, 10))


def test_an_accent_colour_scales_with_brightness():
    look = Look.from_prompt("a green door")
    assert max(look.accent(0.5)) == pytest.approx(127.5)
    assert max(look.accent()) == pytest.approx(0.9 * 255)
