"""The rows of the summary."""

from lr_lightning.callbacks.run.summary import loss_rows


def test_losses_have_two_decimals_and_those_of_a_diverged_model_an_exponent() -> None:
    scalars = {"val/reconstruction": 3744.123, "val/kl": 2.16e27, "val/kl_sd": 1.5, "val/bits_per_dimension": 5.998}
    expected = [
        ("Reconstruction", "3744.12 nats per observation"),
        ("KL", "2.16e+27 ± 1.50 nats per observation"),
        ("Negative ELBO", "6.00 bits per dimension"),
    ]
    assert loss_rows(scalars, "val") == expected
