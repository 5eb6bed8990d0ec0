"""The engine that draws with diffusers, and the only room that imports torch.

`DiffusersEngine` itself imports neither torch nor diffusers nor transformers: its methods reach for the
files that do (`pipelines`, `prompts`, `schedules`, `denoise`, `lane`, `decode`, `preview`) when there is
something to draw.
"""

from sdnb.diffusers_engine.engine import DiffusersEngine

__all__ = ["DiffusersEngine"]
