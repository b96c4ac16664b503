"""Model calls that no step makes: a client asks one model in OpenAI's format and waits for the answer."""
