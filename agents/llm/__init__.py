"""Models: the one gateway to litellm, the accounted call, and the built-in offline model."""
