"""Weights & Biases that works without an account or a network."""

import inspect
import os
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_info, rank_zero_only
from typing_extensions import override

WandbMode = Literal["auto", "online", "offline", "disabled"]


class RunWandbLogger(WandbLogger):
    """Lightning's W&B logger, offline where there is no login or no network.

    Args:
        save_dir: Folder that receives the ``wandb`` folder.
        project: W&B project.
        name: Name of the run; chosen by W&B if ``None``.
        entity: W&B user or team; the default one of the login if ``None``.
        run_id: Id of the run; the same id continues a run.
        tags: Tags of the run.
        mode: ``"auto"`` obeys the environment variable ``WANDB_MODE`` if set; else it is online with a login and a
            network, and offline without, which is decided within ``timeout`` seconds.
        timeout: Seconds to wait for the server in mode ``"auto"``.
    """

    def __init__(
        self,
        save_dir: str | Path = ".",
        project: str = "lr_lightning",
        name: str | None = None,
        entity: str | None = None,
        run_id: str | None = None,
        tags: list[str] | None = None,
        mode: WandbMode = "auto",
        timeout: float = 15.0,
    ) -> None:
        # Absolute: W&B's own process may have been started in another folder.
        super().__init__(
            name=name, save_dir=Path(save_dir).absolute(), project=project, id=run_id, entity=entity, tags=tags
        )
        del self._wandb_init["anonymous"]  # Lightning still sets it, W&B warns that it has no effect
        self.mode = mode
        self.timeout = timeout

    @property
    @override
    def experiment(self) -> Any:
        """The W&B run; the first use starts it."""
        if self._experiment is None and rank_zero_only.rank == 0:  # type: ignore[attr-defined]
            self._start()
        return super().experiment

    @property
    def folder(self) -> Path | None:
        """Folder of an offline run, for ``wandb sync``; ``None`` for a run that is online or disabled."""
        offline = self._experiment is not None and bool(getattr(self._experiment, "offline", False))
        return Path(self._experiment.dir).parent if offline else None  # type: ignore[union-attr]

    def _start(self) -> None:
        import wandb

        Path(self.save_dir or ".").mkdir(parents=True, exist_ok=True)  # else W&B writes to a temporary folder
        mode = self._mode()
        settings = wandb.Settings(quiet=True)
        if self.mode == "auto" and mode == "online":
            settings.init_timeout = self.timeout
        try:
            self._wandb_init |= {"mode": mode, "settings": settings}
            _ = super().experiment
        except (wandb.errors.CommError, wandb.errors.UsageError) as error:
            if self.mode != "auto" or mode != "online":
                raise
            wandb.teardown()
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            rank_zero_info(f"W&B: no connection ({reason}); this run is logged offline.")
            self._wandb_init |= {"mode": "offline", "settings": wandb.Settings(quiet=True)}

    def _mode(self) -> str:
        """Return the mode to start in: what was asked for, the environment's, or what a login allows."""
        if self.mode != "auto":
            return self.mode
        if os.environ.get("WANDB_MODE"):
            return os.environ["WANDB_MODE"]
        return "online" if _has_login() else "offline"


def _has_login() -> bool:
    """Return whether there are credentials for W&B; the server is not asked."""
    import wandb

    if "prompt" not in inspect.signature(wandb.login).parameters:  # older than wandb.login(prompt=False)
        return bool(wandb.api.api_key)
    try:
        return bool(wandb.login(prompt=False, verify=False))
    except wandb.errors.AuthenticationError:
        return True  # of the wrong form; starting the run says what is wrong with them
