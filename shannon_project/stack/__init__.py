"""The local stack: servers, web, worker, beat and Flower on this machine, supervised."""
