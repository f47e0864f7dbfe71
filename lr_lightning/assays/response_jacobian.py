"""The Jacobian of the response map: in which directions small changes of a code survive decoding and encoding."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, samples_per_pass
from lr_lightning.assays.differentiation import jacobian_by_rows
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of, placement
from lr_lightning.assays.response import mean_response


@dataclass(frozen=True, eq=False)
class ResponseJacobian:
    """What the Jacobian of the response map says at each code; made by :func:`response_jacobian`. All on the CPU.

    Attributes:
        mean: ``(D, D)`` float64, Jacobian averaged over the codes: entry ``[k, j]`` is the change of response ``k`` per
            change of latent ``j`` (the transpose of the order of a response matrix). NaN if one is not finite.
        eigenvalues: ``(N, D)`` complex128, largest modulus first.
        spectral_radius: ``(N,)`` float64, largest modulus of an eigenvalue. Below 1, repetition converges nearby.
        operator_norm: ``(N,)`` float64, largest singular value: how far a step of length 1 can grow at once.
        trace: ``(N,)`` float64.
        symmetric_share: ``(N,)`` float64 in ``[0, 1]``, share of the squared Frobenius norm in ``(J + J^T) / 2``: 1 for
            the Jacobian of a gradient field. NaN where the Jacobian is 0.
        rank: ``(N,)`` float64, number of eigenvalues of modulus above ``threshold``: for a map close to a projection,
            the dimension of what it projects to.
        threshold: That modulus.
    """

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
        """Divergence ``(N,)`` of response minus code, trace - D, without the artefacts of a slice."""
        return self.trace - len(self.mean)

    @property
    def antisymmetric_share(self) -> Tensor:
        """Share ``(N,)`` of the squared Frobenius norm in ``(J - J^T) / 2``: rotation."""
        return 1 - self.symmetric_share


def response_jacobians(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    r"""Differentiate the response map at codes.

    .. math:: J_{kj} = \partial h_k / \partial z_j

    by back-propagation, one backward pass for each response. Samples must not influence each other, which holds in
    evaluation mode. Where the map is constant in pieces (rounding, quantisation) the Jacobian is 0, and the jumps
    between the pieces are not seen. At kinks (max pooling, ReLU) it is that of one side.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`. It must let gradients pass.
        codes: Codes, shape ``(N, D)``; not written to.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``. A pass keeps its activations.
        progress: Called after each pass with the codes that are done and ``N``.

    Returns:
        Shape ``(N, D, D)``, float64 on the CPU, with the precision of the model.

    Raises:
        TypeError: If ``autoencoder`` or ``codes`` is of another kind.
        ValueError: If ``codes`` has another shape, is not floating point or not finite, gradients do not pass, or
            ``chunk_size < 1``.

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
        parts: list[Tensor] = []
        for chunk in torch.split(codes, samples_per_pass(chunk_size, device_of(autoencoder, codes))):
            moved = chunk.to(device=device, dtype=dtype)
            parts.append(jacobian_by_rows(partial(mean_response, autoencoder), moved).double().cpu())
            if progress is not None:
                progress(sum(map(len, parts)), len(codes))
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

    With the response map :math:`h` a projection onto a manifold of dimension :math:`d`, its Jacobian at a point of the
    manifold has :math:`d` eigenvalues 1 and :math:`D - d` eigenvalues 0.

    See :func:`response_jacobians` for how it is computed and what it cannot see. Keeps one matrix ``(D, D)`` for each
    code of a pass only: of ``N`` codes it holds ``N * D`` eigenvalues.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`. It must let gradients pass.
        codes: Codes, shape ``(N, D)``; not written to.
        threshold: Modulus above which an eigenvalue counts for the rank, positive.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``.
        progress: Called after each pass with the codes that are done and ``N``.

    Returns:
        Eigenvalues, norms, trace, rank and symmetry at each code. A code whose Jacobian is not finite has NaN in all of
        them, with one warning.

    Raises:
        TypeError: If ``autoencoder`` or ``codes`` is of another kind.
        ValueError: If ``codes`` has another shape, is not floating point or not finite, gradients do not pass,
            ``threshold`` is not positive, or ``chunk_size < 1``.

    References:
        The response map is that of Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays,
        NeurIPS 2022, arXiv:2106.16091; its Jacobian as the key to the fixed points, Fumero et al., Navigating the
        Latent Space Dynamics of Neural Models, 2025, arXiv:2505.22785.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> circle = wrap(encode=lambda x: x, decode=lambda z: z / z.norm(dim=1, keepdim=True), latent_dim=2)
        >>> result = response_jacobian(circle, torch.tensor([[1.0, 0.0]]))
        >>> result.rank, result.divergence
        (tensor([1.], dtype=torch.float64), tensor([-1.], dtype=torch.float64))
    """
    if not 0 < threshold < torch.inf:
        raise ValueError(f"threshold must be positive, got {threshold}")
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, device_of(autoencoder, codes))
    total = torch.zeros(codes.shape[1], codes.shape[1], dtype=torch.float64)
    parts: list[tuple[Tensor, ...]] = []
    done = 0
    for chunk in torch.split(codes, size):
        jacobians = response_jacobians(autoencoder, chunk, chunk_size=size)
        total += jacobians.sum(dim=0)
        parts.append(_describe(jacobians))
        done += len(chunk)
        if progress is not None:
            progress(done, len(codes))
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
    """Return eigenvalues (n, D), operator norm, trace, symmetric share and whether they are defined, (n,) each."""
    finite = jacobians.isfinite().all(dim=(1, 2))
    defined = jacobians.masked_fill(~finite[:, None, None], 0.0)
    eigenvalues = torch.linalg.eigvals(defined)
    eigenvalues = eigenvalues.gather(1, eigenvalues.abs().argsort(dim=1, descending=True))
    norm = torch.linalg.matrix_norm(defined, ord=2)
    trace = defined.diagonal(dim1=1, dim2=2).sum(dim=1)
    symmetric = (defined + defined.transpose(1, 2)) / 2
    share = symmetric.square().sum(dim=(1, 2)) / defined.square().sum(dim=(1, 2))
    real = (value.masked_fill(~finite, torch.nan) for value in (norm, trace, share))
    return eigenvalues.masked_fill(~finite[:, None], torch.nan), *real, finite
