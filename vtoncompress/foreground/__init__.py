"""What stands before the background of a photo of a garment.

plain_background   without any network, for a photo on one colour
rembg              by rembg's networks, for any photo; the package is optional
"""
