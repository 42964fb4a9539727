"""Derives the appearance of a scene from the words of a prompt."""

from __future__ import annotations

import colorsys
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

import numpy as np

from odyssey_ros.emulator.scene.marker import prompt_digest

__all__ = ["Kind", "Light", "Look", "Weather"]

_Choice = TypeVar("_Choice")


class Kind(Enum):
    """The places that a scene can show."""

    OCEAN = "ocean"
    FOREST = "forest"
    MOUNTAINS = "mountains"
    CITY = "city"
    DESERT = "desert"
    SPACE = "space"
    ROOM = "room"
    ROAD = "road"


class Light(Enum):
    """The times of day that a scene can show."""

    DAY = "day"
    DAWN = "dawn"
    SUNSET = "sunset"
    NIGHT = "night"


class Weather(Enum):
    """The weather that a scene can show."""

    CLEAR = "clear"
    RAIN = "rain"
    SNOW = "snow"


_KINDS = {
    Kind.OCEAN: "ocean sea beach wave water lake river coast boat ship sail island harbor harbour fish whale "
    "dolphin underwater storm lighthouse surf",
    Kind.FOREST: "forest wood woods tree jungle pine garden park deer fox bear wolf cat dog animal bird leaf "
    "meadow grass field flower farm horse",
    Kind.MOUNTAINS: "mountain hill valley cliff canyon alps peak glacier castle dragon "
    "sky cloud eagle balloon",
    Kind.CITY: "city street town building tower skyline downtown urban cyberpunk neon tokyo london "
    "paris york village people crowd market house rooftop",
    Kind.DESERT: "desert dune sand sahara cactus camel pyramid egypt western savanna mesa",
    Kind.SPACE: "space star planet galaxy moon mars rocket spaceship astronaut nebula orbit "
    "alien asteroid universe",
    Kind.ROOM: "room kitchen indoor interior office house corridor hallway bedroom warehouse factory "
    "table chair door window robot lab laboratory library arm gripper shelf",
    Kind.ROAD: "road highway drive driving car race truck motorcycle bike lane traffic vehicle bus",
}
_LIGHTS = {
    Light.NIGHT: "night midnight dark darkness moonlight moonlit neon nocturnal starry",
    Light.SUNSET: "sunset dusk evening twilight golden fire lava fall autumn",
    Light.DAWN: "dawn sunrise morning pastel spring misty mist fog foggy",
    Light.DAY: "day noon daylight sunny sun bright midday summer light",
}
_WEATHERS = {
    Weather.RAIN: "rain rainy raining storm stormy thunder thunderstorm lightning wet",
    Weather.SNOW: "snow snowy snowing snowfall winter blizzard ice icy frozen arctic",
    Weather.CLEAR: "clear dry sunny stop",
}
_HUES = {
    "red": 1.0,
    "orange": 0.07,
    "golden": 0.12,
    "yellow": 0.15,
    "green": 0.33,
    "turquoise": 0.48,
    "cyan": 0.5,
    "blue": 0.61,
    "purple": 0.76,
    "violet": 0.76,
    "magenta": 0.83,
    "pink": 0.92,
}
_GOLDEN_RATIO = 0.618034


def _by_word(table: dict[_Choice, str]) -> dict[str, _Choice]:
    words: dict[str, _Choice] = {}
    for value, text in table.items():
        for word in text.split():
            words.setdefault(word, value)
    return words


_KIND_WORDS = _by_word(_KINDS)
_LIGHT_WORDS = _by_word(_LIGHTS)
_WEATHER_WORDS = _by_word(_WEATHERS)


@dataclass(frozen=True, slots=True)
class Look:
    """All parameters of a scene's appearance.

    Attributes:
        kind: the place.
        light: the time of day.
        weather: the weather.
        hue: hue of the accent colour, 0 to 1.
        seed: seed of the random shapes and shades.
    """

    kind: Kind
    light: Light
    weather: Weather
    hue: float
    seed: int

    @classmethod
    def from_prompt(cls, prompt: str) -> Look:
        """Return the look of a stream that starts with `prompt`; it is the same on every machine."""
        seed = prompt_digest(prompt)
        words = _words(prompt)
        kinds = list(Kind)
        return cls(
            kind=_first(words, _KIND_WORDS) or kinds[seed % len(kinds)],
            light=_first(words, _LIGHT_WORDS)
            or (Light.DAY, Light.DAY, Light.SUNSET, Light.DAWN)[seed >> 4 & 3],
            weather=_first(words, _WEATHER_WORDS) or Weather.CLEAR,
            hue=_hue(words, seed),
            seed=seed,
        )

    def after(self, prompt: str) -> Look:
        """Return the look after `prompt` was sent to a scene with this look.

        Properties that the words name change, and the other properties stay; shapes and shades always change.
        If the words name no new property and no time of day, the time of day advances, so that every prompt
        has a visible effect.
        """
        words = _words(prompt)
        # Depends on the previous seed, so that the same prompt has a visible effect again.
        seed = prompt_digest(f"{self.seed}:{prompt}")
        named = replace(
            self,
            kind=_first(words, _KIND_WORDS) or self.kind,
            light=_first(words, _LIGHT_WORDS) or self.light,
            weather=_first(words, _WEATHER_WORDS) or self.weather,
            hue=_hue(words, seed),
            seed=seed,
        )
        changed = (named.kind, named.light, named.weather) != (self.kind, self.light, self.weather)
        if not changed and _first(words, _LIGHT_WORDS) is None:
            lights = list(Light)
            return replace(named, light=lights[(lights.index(self.light) + 1) % len(lights)])
        return named

    def rng(self) -> np.random.Generator:
        """Return a new random generator with the seed of this look."""
        return np.random.default_rng(self.seed)

    def accent(self, brightness: float = 0.9) -> tuple[float, float, float]:
        """Return the accent colour, RGB 0 to 255, at a `brightness` from 0 to 1."""
        red, green, blue = colorsys.hsv_to_rgb(self.hue, 0.8, brightness)
        return (red * 255, green * 255, blue * 255)


def _words(prompt: str) -> list[str]:
    words: list[str] = []
    for word in re.findall(r"[a-z]+", prompt[:4000].lower()):
        words.append(word)
        if word.endswith("s"):
            words += [word[:-1], word.removesuffix("es")]
    return words


def _first(words: list[str], table: dict[str, _Choice]) -> _Choice | None:
    return next((table[word] for word in words if word in table), None)


def _hue(words: list[str], seed: int) -> float:
    return _first(words, _HUES) or seed * _GOLDEN_RATIO % 1.0
