"""What others may ask of the policy app to do. Everything is synchronous and takes keywords only."""
