"""The layer that every function of the application shares.

Three storeys, and imports go down only: ``runtime`` (what a handler needs), ``aws`` (one port per AWS service) and
``domain`` (pure Python). Under them lies ``patterns``, EventBridge's pattern language as a library of its own.
"""
