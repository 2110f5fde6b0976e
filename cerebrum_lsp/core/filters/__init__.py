"""Named filters, one a file: (text, snapshot) → text, empty for "show nothing"."""
