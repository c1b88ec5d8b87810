"""The roles that images have in a task."""

from __future__ import annotations

from typing import Literal

Role = Literal["training", "unseen", "heldout", "reference", "generated", "asked", "images"]
"""`asked`: the person of `ask`; `images`: what `embed` embeds."""

TITLES: dict[Role, str] = {
    "training": "training photos",
    "unseen": "unseen photos",
    "heldout": "held-out photos",
    "reference": "reference photos",
    "generated": "generated samples",
    "asked": "photos asked about",
    "images": "images",
}
"""What a progress bar calls them."""
