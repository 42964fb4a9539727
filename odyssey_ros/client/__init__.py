"""The Odyssey API for asyncio."""
