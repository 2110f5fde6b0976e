"""Other people's protocols: their requests become ours, our events become their answers."""
