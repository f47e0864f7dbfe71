"""A torchvision model as encoder, for images of any size."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.common.checks import one_line
from lr_lightning.networks.any_size import AnySize, AnySizeNetwork
from lr_lightning.networks.initialization import initialize_for_relu
from lr_lightning.networks.pretrained import load_pretrained_weights

_WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")
"""Models whose auxiliary heads return further outputs in training; they are built without them."""

_AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")


class Backbone(nn.Module):
    """A torchvision classification model whose last layer is replaced by a linear layer.

    Dropout and stochastic depth are turned off: the posterior's noise regularizes the encoder already, and training
    does not depend on the global random state.

    Args:
        model: Its name in ``torchvision.models``.
        num_outputs: Number of outputs.
        weights: File with its weights, as in :class:`TorchvisionEncoder`.
        normalize: Whether to standardize images as the model's published weights require.
        freeze: Whether only the last layer is trained.

    Raises:
        FileNotFoundError: If there is no file ``weights``.
        ValueError: If there is no such model, its last layer is not linear, or ``weights`` do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: str, num_outputs: int, weights: Path | None, normalize: bool, freeze: bool) -> None:
        super().__init__()
        self.model, head, mean, std = _build(model)
        if weights is not None:
            load_pretrained_weights(self.model, model, weights, ignored=(f"{head}.", *_AUXILIARY_HEADS))
        self.model.requires_grad_(not freeze)
        inputs = self.model.get_submodule(head).in_features
        assert isinstance(inputs, int)
        self.model.set_submodule(head, nn.Linear(inputs, num_outputs))
        initialize_for_relu(self.model.get_submodule(head))
        if model in _WITH_AUXILIARY_HEADS:
            # Their weights come from TensorFlow and need other inputs, which the models compute from standardized ones.
            self.model.transform_input = normalize  # type: ignore[assignment]
        self.normalize = normalize
        self.freeze = freeze
        self.register_buffer("mean", torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(std)[:, None, None], persistent=False)

    @override
    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; a frozen model stays in the latter, which keeps batch statistics fixed."""
        super().train(mode and not self.freeze)
        return self

    @override
    def forward(self, images: Tensor) -> Tensor:
        """Return outputs ``(B, num_outputs)`` for ``images`` (B, 1 or 3, H, W) in ``[0, 1]``."""
        images = images.expand(-1, 3, -1, -1)
        outputs: Tensor = self.model((images - self.mean) / self.std if self.normalize else images)
        return outputs

    def check_reads(self, name: str, image_size: tuple[int, int]) -> None:
        """Raise ``ValueError`` if the model called ``name`` cannot read images of ``image_size``; set training mode.

        Only shapes are computed, on the meta device.
        """
        state = {key: value.to("meta") for key, value in self.model.state_dict().items()}
        try:
            with torch.no_grad():
                torch.func.functional_call(self.model.eval(), state, torch.empty(2, 3, *image_size, device="meta"))
        except (AssertionError, RuntimeError, ValueError) as error:
            height, width = image_size
            raise ValueError(
                f"backbone {name} cannot read images of {height} x {width} pixels ({one_line(error)}); choose another "
                "image_size or a backbone such as resnet18"
            ) from error
        finally:
            self.train()


class TorchvisionEncoder(AnySizeNetwork):
    """A classification model of torchvision as encoder, and the decoder of :class:`ResidualConv`.

    The model's last layer is replaced by a linear layer that outputs means and log-variances, or codes. Its dropout and
    stochastic depth are turned off. Gray images are repeated to three channels. In models with batch norm, such as
    resnets, training uses the statistics of each batch; validation and assays use running averages.

    Args:
        latent_dim: Number of latents ``D``.
        image_size: Side of square images, or height and width; multiples of 16 from 32 to 256. Most backbones read all
            sizes; ``vit_*`` and ``maxvit_t`` read 224 x 224 only.
        channels: Image channels ``C``, 1 or 3; images are ``(C, H, W)``.
        backbone: Name of the model in ``torchvision.models``; ``torchvision.models.list_models`` lists them.
        weights: File with the model's ``state_dict``, written by ``torch.save``, whose last layer is ignored; if
            ``None``, weights are random. Nothing is downloaded. Checkpoints contain all weights, so the file is needed
            only to start training.
        normalize: Whether to standardize each channel as torchvision's weights require, with the means and standard
            deviations of ImageNet for most models; by default if there are ``weights``.
        freeze: Whether to train only the last layer and the decoder, and keep the model in evaluation mode.
        widths: Number of channels of each stage of the decoder, as in :class:`ResidualConv`.
        blocks_per_stage: Number of residual blocks per stage of the decoder.
        hidden_units: Number of units of each hidden layer of the decoder, from the last to the first.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        FileNotFoundError: If there is no file ``weights``.
        ValueError: As :class:`ResidualConv`; if ``channels`` is not 1 or 3, there is no such ``backbone``, it cannot
            read images of this size or its last layer is not linear, ``weights`` do not fit it, or ``freeze`` is set
            without ``weights``.
    """

    def __init__(
        self,
        latent_dim: int = 10,
        image_size: int | tuple[int, int] = 64,
        channels: int = 3,
        backbone: str = "resnet18",
        weights: Path | None = None,
        normalize: bool | None = None,
        freeze: bool = False,
        widths: Sequence[int] | None = None,
        blocks_per_stage: int = 1,
        hidden_units: Sequence[int] = (256,),
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        sizes = AnySize.checked(latent_dim, channels, image_size, widths, blocks_per_stage, hidden_units)
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3 for a torchvision model, got {channels}")
        if freeze and weights is None:
            raise ValueError("freeze needs weights: a frozen backbone of random weights learns nothing")
        variational = True if variational is None else variational
        encoder = Backbone(
            backbone,
            2 * latent_dim if variational else latent_dim,
            None if weights is None else Path(weights),
            normalize=weights is not None if normalize is None else normalize,
            freeze=freeze,
        )
        encoder.check_reads(backbone, sizes.image_size)
        super().__init__(encoder, sizes, variational, parameters_per_value)


def _build(name: str) -> tuple[nn.Module, str, Sequence[float], Sequence[float]]:
    """Return a model without dropout, the name of its last layer, and the means and standard deviations of its inputs.

    The latter are those of its published weights.
    """
    from torchvision import models  # late, see residual_layers
    from torchvision.ops import StochasticDepth

    names = models.list_models(module=models)
    if name not in names:
        close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else "torchvision.models.list_models() lists them"
        raise ValueError(f"backbone must be a classification model of torchvision, got {name!r}; {hint}")
    options = {"aux_logits": False, "init_weights": True} if name in _WITH_AUXILIARY_HEADS else {}
    model: nn.Module = models.get_model(name, weights=None, **options)
    for layer in model.modules():
        if isinstance(layer, nn.Dropout | StochasticDepth):
            layer.p = 0.0
    heads = [key for key, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    if not heads:
        raise ValueError(f"backbone {name} does not end in a linear layer; choose another, such as resnet18")
    standardization = models.get_model_weights(name).DEFAULT.transforms()
    return model, heads[-1], standardization.mean, standardization.std
