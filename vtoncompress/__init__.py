"""Compress virtual try-on networks and measure what it costs.

The packages are the stages, in the order in which data flows through them:

    data           person and garment pairs: generated with exact ground truth, or the user's own
    model          the try-on network: garment and its mask, person -> finished picture
    criterion      how much each channel matters
    pruning        takes the channels that matter least away
    finetuning     trains what is left
    quantization   fewer bits for weights and activations, on the torch module or on the exported graph
    export         the network as files, and the runtime that opens them
    metric         cost, size, speed and quality of what was exported
    record         one row: every number with what is needed to trust it
    table          records -> CSV, Markdown, LaTeX

Each stage is a package (or module), a Hydra config group `conf/<stage>/` and a test folder `tests/<stage>/` of the same
name; one choice is one file in each. `pipeline.py` runs them in order, `store.py` keeps what is already built.

Nothing is imported here: what is heavy (torch, OpenVINO, NNCF, diffusers) loads when a config chooses it.
"""

__version__ = "0.1.0"
