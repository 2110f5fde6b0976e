"""What never leaves the process (L11): files that hold secrets, and what looks like one in text."""
