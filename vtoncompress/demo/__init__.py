"""The web page on which people try compressed networks on their own photos.

recipe      what can be chosen, from results, from exported folders, or the shipped network
prepare     the shipped network, deployed dense and in INT8, in a process of its own that may load torch
upload      a photo as it comes from a visitor, within limits
garment     the mask that a visitor painted, in the garment's own pixels
fitting     one visit: every chosen recipe on the same two photos, timed and compared with the dense one
example     drawn people and garments to begin with
layout      what is on the page
serve       the server, its limits, and what it forgets

The process that serves imports no torch: it runs what is deployed. Nothing here knows a model by name.
"""
