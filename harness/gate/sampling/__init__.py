"""Run the bodies of evaluations, gather their scores, and look at them as the ledger allows."""
