"""How a latent diffusion network's noise predictions become a picture. Imports no torch: it is what is deployed.

noise            random numbers that are torch's, without torch
noise_schedule   how much noise each timestep has
base, ddim       the steps from noise to latents
latents          what the network is shown: person, garment and mask side by side
trajectories     which calls calibration looks at
call             the whole call: encode, denoise step by step, decode
"""
