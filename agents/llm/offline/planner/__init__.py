"""Planning by rules: a request is split where its words show a seam."""
