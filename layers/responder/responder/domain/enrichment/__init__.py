"""Whose a finding is and how much it matters: its account's context, brought into the finding."""
