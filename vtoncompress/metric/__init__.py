"""Numbers of a variant, each with what is needed to compare it.

    of the network, its files, its clock   cost (with macs), size, speed
    of the pictures, against the truth     ssim, psnr (whole picture), garment (inside the garment), flow_error
    of the pictures, as a distribution     fid, kid on features of inception or features (shipped)
    ... against reference pictures         known_features: theirs, on disk

docs/metrics.md defines every column.
"""
