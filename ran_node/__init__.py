"""The RAN node: RRC side of the gNB, bearers, and the compute plane function (CPF)."""
