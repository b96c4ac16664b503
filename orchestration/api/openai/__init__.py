"""The OpenAI-compatible endpoints under `/v1`: `shannon-*` names run the platform, all others ask one model."""
