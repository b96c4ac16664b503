"""Skills: ways of working, written down. Each is a folder with a SKILL.md; agents read one when they need it."""
