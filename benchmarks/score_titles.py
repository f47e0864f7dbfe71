"""Titles of scores in the tables of several pages."""

CODE_SCORES = {
    "dci_lightgbm_completeness": "DCI completeness",
    "sap_linear_svc": "SAP (linear)",
    "modularity": "modularity",
    "irs_q99": "IRS",
    "infomec_modularity": "InfoMEC modularity",
    "infomec_compactness": "InfoMEC compactness",
    "infomec_explicitness": "InfoMEC explicitness",
    "mcc_spearman": "MCC",
}
"""Scores of codes that have the same title on each page."""
