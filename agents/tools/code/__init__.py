"""Code mode: a program of the model calls the tools that its agent may call."""
