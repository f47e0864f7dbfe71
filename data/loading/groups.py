"""Groups of training samples: the batches that models on pairs or triplets get, and the base of ways to form them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.loading.correlation import FactorCorrelation

Draw = Callable[[int, torch.Generator], Tensor]
"""Called with a number and a generator, returns sample numbers ``(N,)`` for training, or groups of them ``(N, G)``."""


class PairBatch(NamedTuple):
    """Observations in pairs that differ in some factors, or are augmentations of one image.

    Attributes:
        images: ``(B, C, H, W)``, as in :class:`~lr_lightning.data.FactorBatch`.
        second_images: ``(B, C, H, W)``.
        factors: ``(B, K)`` int64, of ``images``.
        second_factors: ``(B, K)`` int64, of ``second_images``.
    """

    images: Tensor
    second_images: Tensor
    factors: Tensor
    second_factors: Tensor


class TripletBatch(NamedTuple):
    """Observations in triplets: the positive shares more factors with the anchor than the negative does.

    Attributes:
        images: The anchors ``(B, C, H, W)``, as in :class:`~lr_lightning.data.FactorBatch`.
        positive_images: ``(B, C, H, W)``.
        negative_images: ``(B, C, H, W)``.
        factors: ``(B, K)`` int64, of the anchors.
        positive_factors: ``(B, K)`` int64.
        negative_factors: ``(B, K)`` int64.
    """

    images: Tensor
    positive_images: Tensor
    negative_images: Tensor
    factors: Tensor
    positive_factors: Tensor
    negative_factors: Tensor


class SampleGroups(ABC):
    """A way to form groups of training samples.

    Attributes:
        batch_type: Type of a batch of groups: images of each member, then factors of each member.
    """

    batch_type: ClassVar[type[PairBatch] | type[TripletBatch]]

    @abstractmethod
    def check_data(self, dataset: FactorDataset, has_augmentations: bool) -> None:
        """Raise ``ValueError`` if the data do not have what these groups need.

        Args:
            dataset: The data set.
            has_augmentations: Whether the data module augments training images.
        """

    @abstractmethod
    def draw_from(
        self, dataset: FactorDataset, indices: Tensor, correlations: Sequence[FactorCorrelation]
    ) -> Draw | None:
        """Return the function that draws groups of samples; ``None`` if single samples become groups in :meth:`batch`.

        Args:
            dataset: The data set.
            indices: Samples used in training, shape ``(N,)`` int64.
            correlations: Which factors are correlated.

        Raises:
            ValueError: If no group can be drawn.
        """

    def batch(self, *fields: Tensor) -> PairBatch | TripletBatch:
        """Return the batch of drawn samples.

        Args:
            fields: Images ``(B, *image_shape)`` of each drawn member, then factors ``(B, K)`` of each.
        """
        return self.batch_type(*fields)
