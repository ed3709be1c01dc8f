"""Bad inputs of the commands that look into a run or run a claim: rows for bad_inputs.py."""

STUDY_CASES = {
    "Explaining and experiments": [
        ("no images to look at", "explain run --limit 0", 2),
        ("a split that does not exist", "explain run --split dev", 2),
        ("an image that does not exist", "explain run gone.jpg", 3),
        ("a folder without images", "explain run nothing", 3),
        ("a folder that is not a run", "explain nowhere", 4),
        ("unknown experiment", "experiment degradtion", 2),
        ("seeds below none", "experiment highway --seeds -1", 2),
    ],
}
