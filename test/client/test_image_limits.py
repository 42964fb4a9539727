"""The limits of images as errors of the client; test/pictures/test_limits.py has the limits themselves."""

from __future__ import annotations

import pytest

from odyssey_ros.client.errors import ErrorCode, OdysseyImageError
from odyssey_ros.client.image_limits import check_size


def test_a_size_beyond_the_limit_is_an_error_of_the_client():
    check_size(4096, 4096)
    check_size(8000, 8000, max_pixels=64_000_000)
    with pytest.raises(OdysseyImageError, match="too many pixels: 4097x4096") as caught:
        check_size(4097, 4096)
    assert caught.value.code is ErrorCode.BAD_IMAGE
