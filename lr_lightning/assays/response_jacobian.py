"""The Jacobian of the response map: the directions in which small changes of a code survive decoding and encoding."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes
from lr_lightning.assays.differentiation import jacobian_by_rows
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, placement
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_positive
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class ResponseJacobian(TabularResult):
    """Properties of the Jacobian at each code, as returned by :func:`response_jacobian`. All tensors are on the CPU.

    Attributes:
        mean: ``(D, D)`` float64, Jacobian averaged over the codes: entry ``[k, j]`` is the change of response ``k`` per
            change of latent ``j`` (transposed compared with a response matrix). NaN if any Jacobian is not finite.
        eigenvalues: ``(N, D)`` complex128, largest modulus first.
        spectral_radius: ``(N,)`` float64, largest modulus of an eigenvalue. At a fixed point, a value below 1 means
            that nearby codes converge to it.
        operator_norm: ``(N,)`` float64, largest singular value: the largest factor by which a small step can grow.
        trace: ``(N,)`` float64.
        symmetric_share: ``(N,)`` float64 in ``[0, 1]``, fraction of the squared Frobenius norm in ``(J + J^T) / 2``: 1
            for the Jacobian of a gradient field. NaN where the Jacobian is 0.
        rank: ``(N,)`` float64, number of eigenvalues with modulus above ``threshold``. For a map close to a projection,
            this is the dimension that it projects onto.
        threshold: Modulus above which an eigenvalue counts towards the rank.
    """

    table_fields = TableFields("code", ("spectral_radius", "operator_norm", "trace", "symmetric_share", "rank"))

    mean: Tensor
    eigenvalues: Tensor
    spectral_radius: Tensor
    operator_norm: Tensor
    trace: Tensor
    symmetric_share: Tensor
    rank: Tensor
    threshold: float

    @property
    def divergence(self) -> Tensor:
        """Divergence ``(N,)`` of the field ``h(z) - z``, ``trace - D``, over all latents instead of a slice."""
        return self.trace - len(self.mean)

    @property
    def antisymmetric_share(self) -> Tensor:
        """Fraction ``(N,)`` of the squared Frobenius norm in ``(J - J^T) / 2``, the rotational part."""
        return 1 - self.symmetric_share


def response_jacobians(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    r"""Compute the Jacobian of the response map at each code.

    .. math:: J_{kj} = \partial h_k / \partial z_j

    It takes one backward pass per latent. Samples of a batch must not influence each other, which holds for ordinary
    layers in evaluation mode. Where the map is piecewise constant (rounding, quantization) the Jacobian is 0 and misses
    the jumps between pieces. At kinks (max pooling, ReLU) it is the Jacobian on one side.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`. It must be differentiable.
        codes: Codes, shape ``(N, D)``; not modified.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The activations of a pass are kept in memory.
        progress: Called after each pass with the number of codes processed and ``N``.

    Returns:
        Shape ``(N, D, D)``, float64 on the CPU, but only as precise as the model's dtype.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, the model blocks gradients,
            or ``chunk_size < 1``.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> product = wrap(encode=lambda x: x, decode=lambda z: z * z.flip(1), latent_dim=2)
        >>> response_jacobians(product, torch.tensor([[3.0, 5.0]]))
        tensor([[[5., 3.],
                 [5., 3.]]], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        device, dtype = placement(autoencoder)
        size = samples_per_pass(chunk_size, autoencoder, codes)
        parts: list[Tensor] = []
        for chunk in in_passes(codes, size, progress):
            moved = chunk.to(device=device, dtype=dtype)
            parts.append(jacobian_by_rows(partial(mean_response, autoencoder), moved).double().cpu())
        return torch.cat(parts)


def response_jacobian(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    threshold: float = 0.5,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ResponseJacobian:
    r"""Measure at each code how decoding and encoding stretches, rotates and flattens the latent space.

    If the response map is a projection onto a manifold of dimension :math:`d`, its Jacobian at a point of the manifold
    has :math:`d` eigenvalues 1 and :math:`D - d` eigenvalues 0.

    See :func:`response_jacobians` for the computation and its limitations. Only the matrices ``(D, D)`` of the current
    pass are kept in memory.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`. It must be differentiable.
        codes: Codes, shape ``(N, D)``; not modified.
        threshold: Modulus above which an eigenvalue counts towards the rank, positive.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called after each pass with the number of codes processed and ``N``.

    Returns:
        Eigenvalues, norms, trace, rank and symmetry at each code. All are NaN, with one warning, for a code whose
        Jacobian is not finite.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, the model blocks gradients,
            ``threshold`` is not positive, or ``chunk_size < 1``.

    References:
        Response map: Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091. Its Jacobian and fixed points: Fumero et al., Navigating the Latent Space Dynamics of Neural
        Models, 2025, arXiv:2505.22785.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> circle = wrap(encode=lambda x: x, decode=lambda z: z / z.norm(dim=1, keepdim=True), latent_dim=2)
        >>> result = response_jacobian(circle, torch.tensor([[1.0, 0.0]]))
        >>> result.rank, result.divergence
        (tensor([1.], dtype=torch.float64), tensor([-1.], dtype=torch.float64))
    """
    check_positive("threshold", threshold)
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, autoencoder, codes)
    total = torch.zeros(codes.shape[1], codes.shape[1], dtype=torch.float64)
    parts: list[tuple[Tensor, ...]] = []
    for chunk in in_passes(codes, size, progress):
        jacobians = response_jacobians(autoencoder, chunk, chunk_size=size)
        total += jacobians.sum(dim=0)
        parts.append(_describe(jacobians))
    eigenvalues, norm, trace, share, finite = (torch.cat(column) for column in zip(*parts, strict=True))
    if not finite.all():
        warnings.warn(f"the Jacobian is not finite at {int((~finite).sum())} of {len(codes)} codes", stacklevel=2)
    elif (norm == 0).any():
        warnings.warn(
            f"the symmetric share is undefined at {int((norm == 0).sum())} of {len(codes)} codes: the Jacobian is 0",
            stacklevel=2,
        )
    modulus = eigenvalues.abs()
    rank = (modulus > threshold).sum(dim=1).double().masked_fill(~finite, torch.nan)
    return ResponseJacobian(total / len(codes), eigenvalues, modulus[:, 0], norm, trace, share, rank, threshold)


def _describe(jacobians: Tensor) -> tuple[Tensor, ...]:
    """Return eigenvalues (n, D), operator norm, trace, symmetric share and whether they are defined, each (n,)."""
    finite = jacobians.isfinite().all(dim=(1, 2))
    defined = jacobians.masked_fill(~finite[:, None, None], 0.0)  # eigvals raises for NaN
    eigenvalues = torch.linalg.eigvals(defined)
    eigenvalues = eigenvalues.gather(1, eigenvalues.abs().argsort(dim=1, descending=True))
    norm = torch.linalg.matrix_norm(defined, ord=2)
    trace = defined.diagonal(dim1=1, dim2=2).sum(dim=1)
    symmetric = (defined + defined.transpose(1, 2)) / 2
    share = symmetric.square().sum(dim=(1, 2)) / defined.square().sum(dim=(1, 2))
    real = (value.masked_fill(~finite, torch.nan) for value in (norm, trace, share))
    return eigenvalues.masked_fill(~finite[:, None], torch.nan), *real, finite
