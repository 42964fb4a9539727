"""From a decoded frame to image messages: stamps, conversion, calibration, topics."""
