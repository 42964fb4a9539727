"""Episodes in the formats that trainers load."""
