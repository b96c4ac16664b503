"""Requests that are made again and again: `writing` changes them, `firing` makes their runs, `reading` shows both."""
