"""The steps of the checklist, one file each."""
