"""Whether latents act on observations independently of each other, in validation."""

import math
from collections.abc import Iterator, Mapping

from typing_extensions import override

from lr_lightning.assays.decoder_interaction import decoder_interaction
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import two_latents
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number, percent
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots.decoder_interaction import decoder_interaction_figure


class DecoderInteractionAssay(AssayCallback):
    """Logs how strongly latents interact in the decoder; see :func:`lr_lightning.assays.decoder_interaction`.

    Scalars under ``assay/decoder_interaction/``: ``mean_order``, the mean number of latents in a term of the decoder,
    which is 1 if their effects add up; ``interaction``, the mean number of pairs of latents in a term, which is then 0;
    ``mean_order_error`` and ``interaction_error``, their standard errors; ``strongest_pair``, the largest share of the
    variance that involves both latents of a pair; and ``latent_00`` and so on, the share that involves a latent, 0 if
    the decoder ignores it. The matrix of shares is drawn and saved to ``assays/``.

    Args:
        num_samples: Number of codes, drawn from the validation set.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes and of the shuffles.

    Raises:
        ValueError: If ``num_samples`` is below 2.
    """

    name = "decoder_interaction"
    summary = "Whether latents act on observations independently of each other"
    needs = (two_latents,)
    size_argument = "num_samples"
    report_options = {"num_samples": 128}
    captions = {
        "matrix": "Off the diagonal: the share of the variance of decoded observations that involves both latents "
        "jointly, 0 if their effects add up. On the diagonal: the share that involves the latent, alone or with "
        "others, 0 if the decoder ignores it."
    }
    headlines = {"mean_order": "Mean order of the decoder"}
    quantities = ("mean_order", "mean_order_error", "interaction", "interaction_error", "strongest_pair", "latent_*")

    def __init__(self, num_samples: int = 64, every_n_validations: int = 1, seed: int = 0) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 2)
        self.num_samples = num_samples

    @override
    def run(self, context: AssayContext) -> AssayResult:
        result = decoder_interaction(
            context.autoencoder,
            context.draw_codes(self.num_samples),
            generator=context.generator,
            progress=context.progress,
        )
        shares = result.matrix.diagonal().tolist()
        undefined = "The interaction is undefined: the decoder's output does not vary or is not finite."
        return AssayResult(
            scalars={
                "mean_order": result.mean_order,
                "mean_order_error": result.mean_order_error,
                "interaction": result.interaction,
                "interaction_error": result.interaction_error,
                "strongest_pair": result.matrix.tril(-1).max().item(),
            }
            | {f"latent_{latent:02d}": share for latent, share in enumerate(shares)},
            figures={"matrix": lambda: decoder_interaction_figure(result)},
            arrays={"matrix": result.matrix},
            warnings=(undefined,) if math.isnan(result.mean_order) else (),
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        order, strongest = scalars.get("mean_order", math.nan), scalars.get("strongest_pair", math.nan)
        if defined(order):
            yield (
                f"An effect of the decoder involves {number(order)} latents on average: 1 if the effects of latents "
                "add up."
            )
        if defined(strongest):
            yield f"The strongest pair jointly explains {percent(strongest)} of the variance of observations."
