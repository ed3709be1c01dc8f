"""What every network was compared with, and what differs on purpose. Read without torch.

same_logits.json is written by `benchmarks/same_logits.py --extended`, initial_std.json by
`benchmarks/initial_std.py`; on_purpose.toml is written by hand.
"""
