"""Publishing of decoded frames as image messages: stamps, conversion, calibration and topics."""
