"""The platform as a server of the Model Context Protocol, for other people's agents."""
