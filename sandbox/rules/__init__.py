"""`responder rules`: correlation rules as their authors see them, in YAML, checked and tried out.

What is deployed never reads YAML: `build` makes of checked rules the one JSON file that the functions load.
"""
