"""Assays by name, including those of other installed packages."""

from typing import TYPE_CHECKING

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.common.registry import Registry

if TYPE_CHECKING:  # the names that type checkers and editors see in lr_lightning.callbacks
    from lr_lightning.callbacks.assays.conditioned_response import ConditionedResponseAssay as ConditionedResponseAssay
    from lr_lightning.callbacks.assays.consistency import ConsistencyAssay as ConsistencyAssay
    from lr_lightning.callbacks.assays.decoder_geometry import DecoderGeometryAssay as DecoderGeometryAssay
    from lr_lightning.callbacks.assays.decoder_interaction import DecoderInteractionAssay as DecoderInteractionAssay
    from lr_lightning.callbacks.assays.disentanglement import DisentanglementAssay as DisentanglementAssay
    from lr_lightning.callbacks.assays.dynamics import DynamicsAssay as DynamicsAssay
    from lr_lightning.callbacks.assays.explorer import ExplorerExport as ExplorerExport
    from lr_lightning.callbacks.assays.factor_topology import FactorTopologyAssay as FactorTopologyAssay
    from lr_lightning.callbacks.assays.latent_statistics import LatentStatisticsAssay as LatentStatisticsAssay
    from lr_lightning.callbacks.assays.latent_traversal import LatentTraversalAssay as LatentTraversalAssay
    from lr_lightning.callbacks.assays.noise_recovery import NoiseRecoveryAssay as NoiseRecoveryAssay
    from lr_lightning.callbacks.assays.reconstruction import ReconstructionAssay as ReconstructionAssay
    from lr_lightning.callbacks.assays.response_jacobian import ResponseJacobianAssay as ResponseJacobianAssay
    from lr_lightning.callbacks.assays.response_map import ResponseMapAssay as ResponseMapAssay
    from lr_lightning.callbacks.assays.response_matrix import ResponseMatrixAssay as ResponseMatrixAssay
    from lr_lightning.callbacks.assays.response_path import ResponsePathAssay as ResponsePathAssay
    from lr_lightning.callbacks.assays.sampling import SamplingAssay as SamplingAssay

_ASSAYS = "lr_lightning.callbacks.assays"

ASSAYS: Registry[AssayCallback] = Registry(
    "assay",
    AssayCallback,  # type: ignore[type-abstract]
    {
        "reconstruction": f"{_ASSAYS}.reconstruction:ReconstructionAssay",
        "latent_traversal": f"{_ASSAYS}.latent_traversal:LatentTraversalAssay",
        "latent_statistics": f"{_ASSAYS}.latent_statistics:LatentStatisticsAssay",
        "response_matrix": f"{_ASSAYS}.response_matrix:ResponseMatrixAssay",
        "conditioned_response": f"{_ASSAYS}.conditioned_response:ConditionedResponseAssay",
        "disentanglement": f"{_ASSAYS}.disentanglement:DisentanglementAssay",
        "factor_topology": f"{_ASSAYS}.factor_topology:FactorTopologyAssay",
        "response_map": f"{_ASSAYS}.response_map:ResponseMapAssay",
        "response_jacobian": f"{_ASSAYS}.response_jacobian:ResponseJacobianAssay",
        "decoder_geometry": f"{_ASSAYS}.decoder_geometry:DecoderGeometryAssay",
        "decoder_interaction": f"{_ASSAYS}.decoder_interaction:DecoderInteractionAssay",
        "dynamics": f"{_ASSAYS}.dynamics:DynamicsAssay",
        "noise_recovery": f"{_ASSAYS}.noise_recovery:NoiseRecoveryAssay",
        "response_path": f"{_ASSAYS}.response_path:ResponsePathAssay",
        "sampling": f"{_ASSAYS}.sampling:SamplingAssay",
        "consistency": f"{_ASSAYS}.consistency:ConsistencyAssay",
        "explorer": f"{_ASSAYS}.explorer:ExplorerExport",
    },
    group="lr_lightning.assays",
)
"""All assays in report order: from data and reconstructions to relations between latents."""
