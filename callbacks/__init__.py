"""Lightning callbacks: when an assay runs and where its results go."""

from lr_lightning.callbacks.assay import AssayCallback, Findings, Subject
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.conditioned_response import ConditionedResponseAssay
from lr_lightning.callbacks.disentanglement import DisentanglementAssay
from lr_lightning.callbacks.latent_statistics import LatentStatisticsAssay
from lr_lightning.callbacks.latent_traversal import LatentTraversalAssay
from lr_lightning.callbacks.progress import RunProgressBar
from lr_lightning.callbacks.reconstruction import ReconstructionAssay
from lr_lightning.callbacks.response_matrix import ResponseMatrixAssay
from lr_lightning.callbacks.run_record import RunRecord

__all__ = [
    "AssayCallback",
    "CodeTable",
    "ConditionedResponseAssay",
    "DisentanglementAssay",
    "Findings",
    "LatentStatisticsAssay",
    "LatentTraversalAssay",
    "ReconstructionAssay",
    "ResponseMatrixAssay",
    "RunProgressBar",
    "RunRecord",
    "Subject",
]
