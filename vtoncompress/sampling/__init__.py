"""How a latent diffusion network's noise predictions become a picture. Imports no torch: it is what is deployed.

noise            random numbers that are torch's, without torch
noise_schedule   how much noise each timestep has
base             what every sampler has
ddim, dpm_solver, unipc, consistency
                 the steps from noise to latents
spacing, log_snr where these steps lie, and how they measure time
plan             what each step takes: guidance or not, all of the network or its outer layers
latents          what the network is shown: person, garment and mask side by side
denoising        the network's calls of a step, put together
trajectories     which calls calibration looks at
call             the whole call: encode, denoise step by step, decode
"""
