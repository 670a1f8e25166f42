"""The steps of the checklist, one file each; every step asks the record first, so running it twice is safe."""
