"""LOGAN, white box: does the discriminator take this photo for a real one?

Hayes, Melis, Danezis & De Cristofaro 2019, "LOGAN: Membership Inference Attacks Against Generative Models" (PoPETs
2019(1), arXiv 1705.07663), section 4.1: a discriminator that has memorised its training photos gives them higher
logits than other photos. A person's score is the mean over the photos. `classifier.LearnedClassifier` is the
counterpart on identities: a discriminator of face embeddings, made without the victim's own.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from probablyexists.lab.white_box.batches import in_batches


def logits(discriminator: nn.Module, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) logits of (n, side, side, 3) photos by a discriminator in `eval`; higher = more likely a member.

    Each photo is a batch of its own, so that its logit does not depend on the others.
    """
    with torch.no_grad():
        found = [discriminator(*torch.split(some, 1)).double().numpy() for some in in_batches(pictures)]
    return np.concatenate(found) if found else np.empty(0)
