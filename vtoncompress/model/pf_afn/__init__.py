"""PF-AFN: warp network and generator as one try-on call (Ge et al., "Parser-Free Virtual Try-on via Distilling
Appearance Flows", CVPR 2021), written from the paper."""

from vtoncompress.model.pf_afn.pf_afn import PFAFN

__all__ = ["PFAFN"]
