"""How dates and times are written for people, by language: Django looks here before it takes its own."""
