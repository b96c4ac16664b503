"""The built-in offline model: rules instead of a network, for use without a key, in tests and under load.

It is given what any model is given (messages, tools, a response format) and nothing else, and it says what it is.
"""
