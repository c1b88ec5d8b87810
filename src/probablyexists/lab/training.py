"""The settings of a training run."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from probablyexists.lab.procedures import procedure

YOUNGER = ("lr", "penalty_weight", "discriminator_base", "mapping_layers", "mixing")
"""Settings that came after the first results: None is what the procedure says."""


class Training(BaseModel):
    """Everything that decides the weights; the budget is either `images` or `minutes`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    procedure: str
    size: int = 32
    base: int = Field(default=32, ge=8, le=512)
    batch: int = Field(default=64, ge=4)
    images: int | None = Field(default=None, ge=1)
    """Training images shown, repeats counted."""
    minutes: float | None = Field(default=None, gt=0)
    augment: bool = False
    """DiffAugment (Zhao et al. 2020)."""
    mirror: bool = True
    snapshots: tuple[float, ...] = (0.25, 0.5)
    """Shares of the images after which the generator is saved, besides the final one."""
    seed: int = 0
    lr: float | None = Field(default=None, gt=0)
    """Learning rate of both networks."""
    penalty_weight: float | None = Field(default=None, ge=0)
    discriminator_base: int | None = Field(default=None, ge=8, le=512)
    """Channels of the discriminator at the largest resolution; None: `base`."""
    mapping_layers: int | None = Field(default=None, ge=1, le=16)
    """Of StyleGAN2's mapping network."""
    mixing: float | None = Field(default=None, ge=0, le=1)
    """Share of StyleGAN2's training images that mix the styles of two latents."""

    @model_validator(mode="after")
    def _fits_the_procedure(self) -> Training:
        if all(getattr(self, key) is None for key in YOUNGER):
            return self
        its = procedure(self.procedure)
        has = {
            "penalty_weight": its.penalty is not None,
            "discriminator_base": its.d_loss is not None,
            "mapping_layers": its.network == "stylegan2",
            "mixing": its.network == "stylegan2",
        }
        if wrong := [key for key, fits in has.items() if getattr(self, key) is not None and not fits]:
            raise ValueError(f"{self.procedure} has no {wrong[0]}; delete it")
        return self

    @property
    def generator_spec(self) -> dict[str, Any]:
        """For `networks.build`."""
        given = {key: getattr(self, key) for key in ("mapping_layers", "mixing") if getattr(self, key) is not None}
        return {**self._common_spec, **given}

    @property
    def discriminator_spec(self) -> dict[str, Any]:
        """For `networks.build`, where the procedure has a discriminator."""
        base = self.discriminator_base or self.base
        return {**self._common_spec, "base": base, **procedure(self.procedure).discriminator}

    @property
    def _common_spec(self) -> dict[str, Any]:
        return {"name": procedure(self.procedure).network, "size": self.size, "base": self.base}

    def named(self) -> dict[str, Any]:
        """As checkpoints and names of runs say it; younger settings only where given, so that older runs still fit."""
        return self.model_dump(mode="json", exclude={key for key in YOUNGER if getattr(self, key) is None})
