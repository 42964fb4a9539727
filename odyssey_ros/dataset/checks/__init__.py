"""The deep check of a dataset: bags, pictures, stamps and prompts against the manifest."""
