"""The web page on which people try compressed networks on their own photos.

recipe      what can be chosen, from results, from exported folders, or shipped networks
prepare     shipped networks, deployed dense and in INT8, in a process of their own that may load torch
upload      a photo as it comes from a visitor, within limits
mask        what a visitor painted, in the photo's own pixels, or what is found
fitting     every chosen recipe on the same two photos, timed and compared with the dense one
follow      work in another thread that tells how far it is and can be ended
visit       what happens after a click
example     drawn people and garments to begin with
forget      the folder of what visitors sent, and that it does not stay
layout      what is on the page
serve       the server, its limits, and what it forgets

The process that serves imports no torch: it runs what is deployed. Nothing here knows a model by name.
"""
