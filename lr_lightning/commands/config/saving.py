"""Saves ``config.yaml`` in the run folder."""

from pathlib import Path

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback
from typing_extensions import override

from lr_lightning.commands.run.folder import CONFIG
from lr_lightning.common.files import remove_unfinished, write_atomically


class SaveRunConfig(SaveConfigCallback):
    """Writes the resolved config to the run folder when training starts; evaluation does not change it.

    Values that belong only to this start are omitted: repeating the config gives a separate run.
    """

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit" and trainer.is_global_zero:
            config = self.config.clone()
            config.ckpt_path = config.wandb.run_id = None
            text = self.parser.dump(config, skip_none=False, skip_validation=True)
            folder = Path(trainer.default_root_dir)
            remove_unfinished(folder)
            write_atomically(folder / CONFIG, lambda file: file.write(text.encode()))
