"""What the three programs share and none of them owns: errors, HTTP, processes, logs."""
