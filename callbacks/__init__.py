"""Lightning callbacks: when an assay runs and where its results go."""

from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.callbacks.assays.conditioned_response import ConditionedResponseAssay
from lr_lightning.callbacks.assays.consistency import ConsistencyAssay
from lr_lightning.callbacks.assays.decoder_geometry import DecoderGeometryAssay
from lr_lightning.callbacks.assays.disentanglement import DisentanglementAssay
from lr_lightning.callbacks.assays.dynamics import DynamicsAssay
from lr_lightning.callbacks.assays.factor_topology import FactorTopologyAssay
from lr_lightning.callbacks.assays.latent_statistics import LatentStatisticsAssay
from lr_lightning.callbacks.assays.latent_traversal import LatentTraversalAssay
from lr_lightning.callbacks.assays.noise_recovery import NoiseRecoveryAssay
from lr_lightning.callbacks.assays.reconstruction import ReconstructionAssay
from lr_lightning.callbacks.assays.response_jacobian import ResponseJacobianAssay
from lr_lightning.callbacks.assays.response_map import ResponseMapAssay
from lr_lightning.callbacks.assays.response_matrix import ResponseMatrixAssay
from lr_lightning.callbacks.assays.response_path import ResponsePathAssay
from lr_lightning.callbacks.assays.sampling import SamplingAssay
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.ensemble_assay import EnsembleAssay
from lr_lightning.callbacks.run.code_files import CodeFiles
from lr_lightning.callbacks.run.model_summary import RunModelSummary
from lr_lightning.callbacks.run.progress import RunProgressBar
from lr_lightning.callbacks.run.resumption import Resumption
from lr_lightning.callbacks.run.run_checkpoint import RunCheckpoint
from lr_lightning.callbacks.run.run_record import RunRecord
from lr_lightning.callbacks.run.seed_checkpoints import SeedCheckpoints

__all__ = [
    "AssayCallback",
    "AssayContext",
    "AssayResult",
    "CodeFiles",
    "CodeTable",
    "ConditionedResponseAssay",
    "ConsistencyAssay",
    "DecoderGeometryAssay",
    "DisentanglementAssay",
    "DynamicsAssay",
    "EnsembleAssay",
    "FactorTopologyAssay",
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
]
