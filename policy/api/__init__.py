"""What the HTTP edge needs of the policy app: authentication and permissions."""
