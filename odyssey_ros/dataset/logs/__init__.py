"""Events logs: which prompt was in force when."""
