"""Reports on a dataset: measures of the pictures, findings, and the report's file."""
