"""Errors of the parser as one sentence."""

import pytest

from lr_lightning.commands.messages import plain_message

NESTED = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'lr_lightning.models.base.AutoencoderModule'>, <class 'NoneType'>]
  Errors:
    - {error}
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {{'class_path': 'BetaVAE'}}"""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("latent_dim must be at least 1, got 0", "model: latent_dim must be at least 1, got 0"),
        (
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'bet' is not accepted",
            "model: BetaVAE has no argument 'bet'; did you mean beta?",
        ),
        (
            # an argument of a base class, which the class itself passes on
            "Problem with given class_path 'lr_lightning.models.BetaVAE':\n        Option 'kll' is not accepted",
            "model: BetaVAE has no argument 'kll'; did you mean kl?",
        ),
        (
            # an argument of the base class that the class itself does not take
            "Problem with given class_path 'lr_lightning.callbacks.LatentStatisticsAssay':\n"
            "    Option 'seed' is not accepted",
            "model: LatentStatisticsAssay has no argument 'seed'; there are active_threshold, every_n_validations",
        ),
        ("Expected a dot import path string: BetVAE", "model: there is no class 'BetVAE'; did you mean BetaVAE?"),
        ("Expected a dot import path string: Zzz", "model: there is no class 'Zzz'; there are BetaVAE, VAE"),
    ],
)
def test_nested_reports_shrink_to_their_point(error: str, message: str) -> None:
    assert plain_message(ValueError(NESTED.format(error=error)), known_classes=["VAE", "BetaVAE"]) == message


def test_other_errors_keep_their_words() -> None:
    assert plain_message(ValueError("val_size must be below 5, got 9")) == "val_size must be below 5, got 9"
    assert plain_message(ValueError()) == "ValueError"
