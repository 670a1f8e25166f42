"""Plain SQL folders in the conventions of dbmate, measured against dbmate 2.36: sections, versions, ledger."""
