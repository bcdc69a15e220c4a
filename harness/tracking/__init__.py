"""Gates handed to trackers, such as MLflow: after the verdict, and after the report is stored, so that neither depends
on it.
"""
