"""Lightning callbacks: when an assay runs and where its results go."""

from lr_lightning.callbacks.assay import AssayCallback, Findings, Subject
from lr_lightning.callbacks.code_files import CodeFiles
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.conditioned_response import ConditionedResponseAssay
from lr_lightning.callbacks.consistency import ConsistencyAssay
from lr_lightning.callbacks.decoder_geometry import DecoderGeometryAssay
from lr_lightning.callbacks.disentanglement import DisentanglementAssay
from lr_lightning.callbacks.dynamics import DynamicsAssay
from lr_lightning.callbacks.ensemble_assay import EnsembleAssay
from lr_lightning.callbacks.factor_topology import FactorTopologyAssay
from lr_lightning.callbacks.latent_statistics import LatentStatisticsAssay
from lr_lightning.callbacks.latent_traversal import LatentTraversalAssay
from lr_lightning.callbacks.model_summary import RunModelSummary
from lr_lightning.callbacks.noise_recovery import NoiseRecoveryAssay
from lr_lightning.callbacks.progress import RunProgressBar
from lr_lightning.callbacks.reconstruction import ReconstructionAssay
from lr_lightning.callbacks.response_jacobian import ResponseJacobianAssay
from lr_lightning.callbacks.response_map import ResponseMapAssay
from lr_lightning.callbacks.response_matrix import ResponseMatrixAssay
from lr_lightning.callbacks.response_path import ResponsePathAssay
from lr_lightning.callbacks.resumption import Resumption
from lr_lightning.callbacks.run_checkpoint import RunCheckpoint
from lr_lightning.callbacks.run_record import RunRecord
from lr_lightning.callbacks.sampling import SamplingAssay
from lr_lightning.callbacks.seed_checkpoints import SeedCheckpoints

__all__ = [
    "AssayCallback",
    "CodeFiles",
    "CodeTable",
    "ConditionedResponseAssay",
    "ConsistencyAssay",
    "DecoderGeometryAssay",
    "DisentanglementAssay",
    "DynamicsAssay",
    "EnsembleAssay",
    "FactorTopologyAssay",
    "Findings",
    "LatentStatisticsAssay",
    "LatentTraversalAssay",
    "NoiseRecoveryAssay",
    "ReconstructionAssay",
    "ResponseJacobianAssay",
    "ResponseMapAssay",
    "ResponseMatrixAssay",
    "ResponsePathAssay",
    "Resumption",
    "RunCheckpoint",
    "RunModelSummary",
    "RunProgressBar",
    "RunRecord",
    "SamplingAssay",
    "SeedCheckpoints",
    "Subject",
]
