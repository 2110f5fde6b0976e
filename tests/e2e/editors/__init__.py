"""What the tests in real editors share."""
