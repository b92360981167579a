"""The networks, part by part, and their assembly."""
