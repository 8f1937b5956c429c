"""Which part of a person is painted anew: masks for models that inpaint. Imports no torch.

base              what makes a mask of a photo
agnostic          from what is seen where to the mask
plain_background  without any network, for a person before a plain background
parsing           by the user's networks for human parsing and body parts
"""
