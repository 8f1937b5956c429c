"""The columns of the tables that are there to be read, in their order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column to be read: its name in records, its header with the unit, decimals, and a convention's factor."""

    key: str
    header: str
    decimals: int
    spread: str | None = None
    factor: int = 1


SHOWN = (
    Column("gmacs", "GMACs", 2),
    Column("params_m", "params (M)", 2),
    Column("size_mib", "size (MiB)", 1),
    Column("peak_memory_mib", "peak memory (MiB)", 0),
    Column("fid", "FID", 2),
    Column("fid_shipped", "FID (shipped features)", 2),
    Column("kid", "KID", 4, "kid_std"),
    Column("kid_shipped", "KID (shipped features)", 4, "kid_shipped_std"),
    Column("ssim", "SSIM", 3),
    Column("lpips", "LPIPS", 4),
    Column("psnr", "PSNR (dB)", 1),
    Column("l1", "L1", 3),
    Column("ssim_garment", "garment SSIM", 3),
    Column("l1_garment", "garment L1", 3),
    Column("flow_error_px", "flow error (px)", 2),
    Column("latency_ms_p50", "p50 (ms)", 1),
    Column("step_ms_p50", "step (ms)", 1),
    Column("step_speedup", "step speedup (×)", 2),
    Column("vae_ms_p50", "autoencoder (ms)", 1),
    Column("image_s", "image (s)", 2),
    Column("image_speedup", "image speedup (×)", 2),
    Column("image_whole_s", "whole image (s)", 1),
    Column("fps", "FPS", 1),
    Column("speedup", "speedup (×)", 2),
    Column("fps_batch8", "FPS, batch 8", 1),
    Column("speedup_batch8", "speedup, batch 8 (×)", 2),
    Column("latency_ms_amortised_p50", "amortised p50 (ms)", 1),
    Column("speedup_amortised", "amortised speedup (×)", 2),
    Column("correlation_loop_ms", "loop (ms)", 1),
    Column("correlation_im2col_ms", "im2col (ms)", 1),
    Column("correlation_ours_ms", "ours, eager (ms)", 1),
    Column("correlation_openvino_ms", "ours, OpenVINO (ms)", 1),
    Column("correlation_runs", "runs", 0),
)
