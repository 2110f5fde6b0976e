"""`python -m cerebrum_lsp.indexing`."""

from cerebrum_lsp.indexing.process import main

main()
